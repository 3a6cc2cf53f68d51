// Package eval runs queries over documents in memory, one row at a time and in the plainest way.
//
//	rows, err := eval.Run(q, eval.Input{Documents: documents, Params: params})
//
// It is the reference that the translation to SQL is held against, written from the description of the language.
// It also computes what a query has to know before its first row: see [Constant].
package eval
