// Package failure defines the types of Tandem's errors. Package tandem has the same types, and the
// errors that programs compare with:
//
//	if failed := new(failure.Error); errors.As(err, &failed) {
//		fmt.Println(failed.Domain, failed.Code, failed.Hint)
//	}
//
// An error has a domain and a code, as in Couchbase Lite, and a sentence for people. Two errors are
// equal for [errors.Is] if their domain and code are equal, whatever their text.
package failure
