/// A moment in the proleptic Gregorian calendar, UTC, as the clock chip's registers hold it. Any field value is taken and carried
/// over, for a guest may write nonsense.
struct CalendarTime: Equatable {
    /// Second, minute, hour, weekday (1 = Sunday), day, month, year.
    let fields: [Int]
    let unixSeconds: Int64

    init(unixSeconds: Int64) {
        self.unixSeconds = unixSeconds
        let days = unixSeconds.flooredQuotient(by: 86_400)
        let ofDay = Int(unixSeconds.flooredRemainder(by: 86_400))
        // Days since 0000-03-01 in 400-year eras of 146,097 days; the year begins in March.
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted.flooredRemainder(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let weekday = Int((days + 4).flooredRemainder(by: 7)) + 1
        fields = [
            ofDay % 60, ofDay / 60 % 60, ofDay / 3_600, weekday, Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1), Int(month), Int(year),
        ]
    }

    /// Precondition: seven fields; the weekday is ignored.
    init(fields: [Int]) {
        let month = Int64(fields[5] - 1)
        let year = Int64(fields[6]) + month.flooredQuotient(by: 12) - (month.flooredRemainder(by: 12) < 2 ? 1 : 0)
        let marchMonth = (month.flooredRemainder(by: 12) + 10) % 12
        let yearOfEra = year.flooredRemainder(by: 400)
        let dayOfYear = (153 * marchMonth + 2) / 5 + Int64(fields[4]) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = year.flooredQuotient(by: 400) * 146_097 + dayOfEra - 719_468
        unixSeconds = days * 86_400 + Int64(fields[2]) * 3_600 + Int64(fields[1]) * 60 + Int64(fields[0])
        self.fields = fields
    }
}

extension Int64 {
    /// Quotient rounded down. Precondition: a positive divisor.
    func flooredQuotient(by divisor: Int64) -> Int64 { self / divisor - (self % divisor < 0 ? 1 : 0) }
    func flooredRemainder(by divisor: Int64) -> Int64 {
        let remainder = self % divisor
        return remainder < 0 ? remainder + divisor : remainder
    }
}
