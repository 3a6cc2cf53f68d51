// Package collation compares strings by the rules of a query's COLLATE.
//
//	c := collation.Collation{Unicode: true, IgnoreCase: true}
//	order := c.Comparer()
//	order("Éclair", "éclair") // 0
//
// A [Collation] is a plain value. The function that [Collation.Comparer] returns has buffers of its
// own; only one goroutine may use it.
package collation
