// Package eval runs queries over documents in memory, one row at a time and in the simplest way.
//
//	rows, err := eval.Run(q, eval.Input{Documents: documents, Params: params})
//
// Tests compare the translation to SQL with it. It is written from the description of the language.
// It also computes values that a query needs before its first row: see [Constant].
package eval
