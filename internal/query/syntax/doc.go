// Package syntax reads the text of SQL++ queries.
//
//	s, err := syntax.Parse("SELECT name FROM travel.hotels WHERE stars > 3 ORDER BY name")
//	var invalid *syntax.Error
//	if errors.As(err, &invalid) {
//		fmt.Println(invalid.Pos, invalid.Message, invalid.Hint)
//	}
//
// [Parse] gives the tree of a statement with the positions of its parts; [ParseExpressions] that of a list
// of expressions, as indexes have it. Package plan finds the meaning of the names.
//
// # Guarantees
//
// No text makes a panic. Text above [MaxText] bytes and trees deeper than [MaxDepth] are refused, so
// that whoever walks a tree may recurse.
package syntax
