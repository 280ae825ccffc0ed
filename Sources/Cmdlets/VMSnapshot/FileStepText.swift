import Management

extension FileStep {
    /// As -WhatIf says it.
    var text: String {
        switch self {
        case .write(let path, nil): "writes \(path), which grows with what is written from then on"
        case .write(let path, let bytes?): "writes \(path), up to \(SizeText.about(bytes))"
        case .copy(let path, let place, let bytes): "copies \(path) (\(SizeText.about(bytes))) to \(place)"
        case .merge(let path, let parent, let bytes): "merges \(path) (\(SizeText.about(bytes))) into \(parent)"
        case .delete(let path, let bytes): "deletes \(path) (\(SizeText.about(bytes)))"
        case .remark(let text): text
        }
    }
}

extension [FileStep] {
    /// A plan for `target` in one line: what is done, and how much is written at most.
    func plan(for target: String) -> String {
        let copied = reduce(UInt64(0)) { sum, step in
            if case .copy(_, _, let bytes) = step { sum + bytes } else { sum }
        }
        let total = copied > 0 ? ["\(SizeText.about(copied)) are copied in all"] : []
        return ([target] + map(\.text) + total).joined(separator: "; ")
    }
}
