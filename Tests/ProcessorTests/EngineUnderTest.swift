#if canImport(Glibc)
    import Glibc
#endif

/// Which engine the tests of instructions run on: the interpreter, or with LUNAVISOR_TEST_TRANSLATOR set the translator, which then translates
/// every block before it runs.
enum EngineUnderTest {
    static let translates = getenv("LUNAVISOR_TEST_TRANSLATOR") != nil
}
