package sql

// Count returns the statement whose only row is how many rows s has.
func (s *Statement) Count() *Statement { return s.within("SELECT count(*) FROM (", ")") }

// Exists returns the statement whose only row is 1 if s has rows, and else 0.
func (s *Statement) Exists() *Statement { return s.within("SELECT EXISTS (", ")") }

func (s *Statement) within(before, after string) *Statement {
	if s == nil {
		return nil
	}
	return &Statement{
		Text: before + s.Text + after, Bindings: s.Bindings, Columns: []Form{Full}, Sorting: s.Sorting.within(before, after),
	}
}
