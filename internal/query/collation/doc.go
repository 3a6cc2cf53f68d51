// Package collation orders and compares strings as COLLATE in a query says.
//
//	c := collation.Collation{Unicode: true, IgnoreCase: true}
//	order := c.Comparer()
//	order("Éclair", "éclair") // 0
//
// A [Collation] is a plain value. What [Collation.Comparer] returns has buffers of its own and
// belongs to one goroutine.
package collation
