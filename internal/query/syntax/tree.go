package syntax

import (
	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Select is a statement.
type Select struct {
	Distinct bool
	Columns  []Column
	From     Source
	Joins    []Join
	Where    Expr // nil if absent
	GroupBy  []Expr
	Having   Expr // nil if absent
	OrderBy  []Order
	Limit    Expr // nil if absent
	Offset   Expr // nil if absent
}

// Column is a result column.
type Column struct {
	X     Expr
	Alias string // "" if absent
	At    int    // position of the alias, or of X
}

// Source names a collection.
type Source struct {
	At          int
	Scope, Name string // Scope may be ""
	Alias       string // "" if absent
}

// JoinKind is a kind of join.
type JoinKind uint8

// The kinds of joins.
const (
	Inner JoinKind = iota
	Left
	Cross
	Unnest
)

// Join adds a source, or with Unnest the items of X.
type Join struct {
	At     int
	Kind   JoinKind
	Source Source // with Unnest: only its alias
	On     Expr   // nil if absent
	X      Expr   // only with Unnest
}

// Nulls tells where ORDER BY puts NULL and MISSING.
type Nulls uint8

// The places of NULL and MISSING. NullsOrdered is their place in the order of values.
const (
	NullsOrdered Nulls = iota
	NullsFirst
	NullsLast
)

// Order is a term of ORDER BY.
type Order struct {
	X     Expr
	Desc  bool
	Nulls Nulls
}

// Expr is an expression.
type Expr interface {
	// Pos returns the byte of the text where the expression begins, or where its operator stands.
	Pos() int
	depth() int
}

// node is the common part of all expressions.
type node struct {
	At     int
	levels int // levels of the tree, this one included
}

// Pos returns the expression's position in the text.
func (n node) Pos() int   { return n.At }
func (n node) depth() int { return n.levels }

// The expressions.
type (
	// Literal is a constant.
	Literal struct {
		node
		Value value.Value
	}
	// Name is a name with a path behind it: a property, a part of a source, an alias or a variable.
	Name struct {
		node
		Steps value.Path // the first is a key
	}
	// Star is `*` or, with Of, the `*` after a name and a dot.
	Star struct {
		node
		Of *Name
	}
	// Param is a parameter.
	Param struct {
		node
		Name string
	}
	// Part is the part of X at a path.
	Part struct {
		node
		X     Expr
		Steps value.Path
	}
	// Unary is Op X, with Op "-" or "NOT".
	Unary struct {
		node
		Op string
		X  Expr
	}
	// Binary is L Op R. Op is in capitals, one of + - * / % || < <= > >= = != IS, IS NOT, AND, OR.
	Binary struct {
		node
		Op   string
		L, R Expr
	}
	// Test is X IS [NOT] What, with What "NULL", "MISSING" or "VALUED".
	Test struct {
		node
		X    Expr
		What string
		Not  bool
	}
	// In is X [NOT] IN List or, if Array is not nil, X [NOT] IN Array.
	In struct {
		node
		X     Expr
		List  []Expr
		Array Expr
		Not   bool
	}
	// Like is X [NOT] LIKE Pattern.
	Like struct {
		node
		X, Pattern Expr
		Not        bool
	}
	// Between is X [NOT] BETWEEN Low AND High.
	Between struct {
		node
		X, Low, High Expr
		Not          bool
	}
	// Case is CASE [X] WHEN … THEN … [ELSE Else] END.
	Case struct {
		node
		X     Expr // nil if absent
		Whens []When
		Else  Expr // nil if absent
	}
	// Quantified is ANY, EVERY or ANY AND EVERY Var IN X SATISFIES Cond END.
	Quantified struct {
		node
		Any, Every bool
		Var        string
		X, Cond    Expr
	}
	// Call is Function(Args), Function(*) or Function(DISTINCT arg). Function is in lower case.
	Call struct {
		node
		Function string
		Args     []Expr
		Star     bool
		Distinct bool
	}
	// Meta is META(Source). An empty Source means META().
	Meta struct {
		node
		Source []string
	}
	// Items is [Items…].
	Items struct {
		node
		Items []Expr
	}
	// Members is {Keys: Values…}.
	Members struct {
		node
		Keys   []string
		Values []Expr
	}
	// Collated is X COLLATE Collation.
	Collated struct {
		node
		X         Expr
		Collation collation.Collation
	}
)

// When is a branch of a [Case].
type When struct{ Cond, Then Expr }
