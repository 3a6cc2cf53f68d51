package plan

import (
	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Expr is an expression with resolved names. It is one of the types below.
type Expr interface{ expr() }

// The expressions. Comparisons of strings carry their collation.
type (
	// Literal is a constant.
	Literal struct{ Value value.Value }
	// Param is a parameter.
	Param struct{ Name string }
	// Property is a part of a document, or of an item of UNNEST. An empty path means the whole
	// document or item.
	Property struct {
		Source int
		Path   value.Path
	}
	// Variable is a part of the present item of a [Quantified].
	Variable struct {
		ID   int
		Path value.Path
	}
	// Meta is a field of a document's metadata.
	Meta struct {
		Source int
		Field  Field
	}
	// Part is the part of X at a path.
	Part struct {
		X    Expr
		Path value.Path
	}
	// Unary is Op X, with Op "-" or "NOT".
	Unary struct {
		Op string
		X  Expr
	}
	// Binary is L Op R: see syntax.Binary for the operators.
	Binary struct {
		Op        string
		L, R      Expr
		Collation collation.Collation
	}
	// Test is X IS [NOT] What.
	Test struct {
		X    Expr
		What string
		Not  bool
	}
	// In is X [NOT] IN List, or if Array is not nil, X [NOT] IN Array.
	In struct {
		X     Expr
		List  []Expr
		Array Expr
		Not   bool
	}
	// Like is X [NOT] LIKE Pattern.
	Like struct {
		X, Pattern Expr
		Not        bool
		Collation  collation.Collation
	}
	// Between is X [NOT] BETWEEN Low AND High.
	Between struct {
		X, Low, High Expr
		Not          bool
	}
	// Case is CASE: see syntax.Case.
	Case struct {
		X     Expr // nil if absent
		Whens []When
		Else  Expr // nil if absent
	}
	// Quantified is ANY, EVERY or ANY AND EVERY. ID identifies its variable. If Same is not nil,
	// the condition is that the item equals Same, and Cond is nil.
	Quantified struct {
		Any, Every bool
		ID         int
		X, Cond    Expr
		Same       Expr
	}
	// Call is a function with its arguments.
	Call struct {
		Function  *function.Function
		Args      []Expr
		Collation collation.Collation
	}
	// Aggregate is an aggregate function over the rows of a group. X is nil in count(*).
	Aggregate struct {
		Function  string // count, sum, avg, min, max or array_agg
		X         Expr
		Distinct  bool
		Collation collation.Collation
	}
	// Items is an array.
	Items struct{ Items []Expr }
	// Members is an object.
	Members struct {
		Keys   []string
		Values []Expr
	}
	// Collated is X with a collation for ORDER BY, GROUP BY and DISTINCT.
	Collated struct {
		X         Expr
		Collation collation.Collation
	}
	// Match is true for documents that a full-text search finds: that of [Query].Matches at Number. Match stands only
	// between the ANDs of WHERE.
	Match struct{ Number int }
	// Rank is how well a document fits the full-text search of a [Match].
	Rank struct{ Number int }
	// Distance is how far the vector of a document is from the target of [Query].Nearest at Number.
	Distance struct{ Number int }
)

// When is a branch of a [Case].
type When struct{ Cond, Then Expr }

// Field is a field of META().
type Field uint8

// The fields of META(). MetaAll is the object with all fields.
const (
	MetaAll Field = iota
	MetaID
	MetaSequence
	MetaDeleted
	MetaExpiration
	MetaRevision
)

var fieldNames = []string{"", "id", "sequence", "deleted", "expiration", "revisionID"}

func (f Field) String() string { return fieldNames[f] }

func (*Literal) expr()    {}
func (*Param) expr()      {}
func (*Property) expr()   {}
func (*Variable) expr()   {}
func (*Meta) expr()       {}
func (*Part) expr()       {}
func (*Unary) expr()      {}
func (*Binary) expr()     {}
func (*Test) expr()       {}
func (*In) expr()         {}
func (*Like) expr()       {}
func (*Between) expr()    {}
func (*Case) expr()       {}
func (*Quantified) expr() {}
func (*Call) expr()       {}
func (*Aggregate) expr()  {}
func (*Items) expr()      {}
func (*Members) expr()    {}
func (*Collated) expr()   {}
func (*Match) expr()      {}
func (*Rank) expr()       {}
func (*Distance) expr()   {}

// GivesTruth reports whether x is an operator whose result is true or false. As a whole result
// column it gives booleans, inside another expression the integers 1 and 0.
func GivesTruth(x Expr) bool {
	switch x := x.(type) {
	case *Unary:
		return x.Op == "NOT"
	case *Binary:
		switch x.Op {
		case "+", "-", "*", "/", "%", "||":
			return false
		}
		return true
	case *Test, *In, *Like, *Between, *Quantified, *Match:
		return true
	case *Collated:
		return GivesTruth(x.X)
	case *Grouped:
		return x.Truth
	}
	return false
}

// Uncollated returns x without its collation, and the collation.
func Uncollated(x Expr) (Expr, collation.Collation) {
	if c, ok := x.(*Collated); ok {
		return c.X, c.Collation
	}
	return x, collation.Collation{}
}
