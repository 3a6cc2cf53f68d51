// Package fault holds the errors of the whole project: a domain and a code, the way Couchbase Lite
// names errors, with the sentence for people around them.
//
// Every layer returns *[Error] values, so that one test works at each of them:
//
//	if errors.Is(err, fault.NotFound) { … }
//
// [errors.Is] compares only domain and code, not the sentence.
package fault
