// Package syntax parses the text of SQL++ queries.
//
//	s, err := syntax.Parse("SELECT name FROM travel.hotels WHERE stars > 3 ORDER BY name")
//	var invalid *syntax.Error
//	if errors.As(err, &invalid) {
//		fmt.Println(invalid.Pos, invalid.Message, invalid.Hint)
//	}
//
// [Parse] returns the tree of a statement with the positions of its parts. [ParseExpressions]
// returns the trees of a list of expressions, as an index has them. Package plan resolves the
// names.
//
// # Guarantees
//
// No text causes a panic. Text above [MaxText] bytes and trees deeper than [MaxDepth] are refused,
// so that code that walks a tree may recurse.
package syntax
