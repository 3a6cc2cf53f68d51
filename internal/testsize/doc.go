// Package testsize says how much the tests try: a sample by default, everything with
// TANDEM_TESTS=all.
//
//	seeds := testsize.Pick(4, 100)
//
// A test that is costly as a whole, and cannot be made smaller, begins with [Whole], one of speed
// with [TrueSpeed]. Costly property tests use [Check] in place of rapid.Check. What must happen is
// waited for with [Eventually], or for [Patience]. Simulated time passes in a [Bubble].
//
// Ask within a test, not in a variable's initialization or in TestMain: only then does "go test"
// know that a cached result depends on the variable.
//
// Nothing in it is for production.
package testsize
