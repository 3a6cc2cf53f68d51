// Package failure has the form of Tandem's errors. Package tandem has the same types, and the
// errors that programs decide on:
//
//	if failed := new(failure.Error); errors.As(err, &failed) {
//		fmt.Println(failed.Domain, failed.Code, failed.Hint)
//	}
//
// An error has a domain and a code, the way Couchbase Lite names errors, with the sentence for
// people around them. Two errors are the same for [errors.Is] when domain and code are equal,
// whatever they say.
package failure
