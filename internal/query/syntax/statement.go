package syntax

func (p *parser) statement() (*Select, error) {
	if err := p.expect("SELECT"); err != nil {
		return nil, err
	}
	s := new(Select)
	if p.accept("DISTINCT") {
		s.Distinct = true
	} else if p.tok.is("ALL") && p.beginsExpression(p.peek()) {
		p.advance()
	}
	steps := []func(*Select) error{
		p.columns, p.from, p.joins, p.where, p.groupBy, p.orderBy, p.limits,
	}
	for _, step := range steps {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// beginsExpression reports whether t cannot continue an expression that begins with a name.
func (p *parser) beginsExpression(t token) bool {
	switch t.kind {
	case word:
		return !isReserved(t.text) || t.is("NOT") || t.is("CASE") || t.is("ANY") || t.is("EVERY") ||
			t.is("NULL") || t.is("MISSING") || t.is("TRUE") || t.is("FALSE")
	case mark:
		return t.text == "{" || t.text == "*" || t.text == "("
	case endOfText:
		return false
	}
	return true
}

func (p *parser) columns(s *Select) error {
	for {
		c, err := p.column()
		if err != nil {
			return err
		}
		if s.Columns = append(s.Columns, c); len(s.Columns) > MaxTerms {
			return TooMany(c.At, "columns", MaxTerms)
		}
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) column() (c Column, err error) {
	c.At = p.tok.start
	if c.X, err = p.expression(); err != nil {
		return c, err
	}
	if c.Alias, err = p.alias("a name for the column"); c.Alias != "" {
		c.At = p.prev.start
	}
	return c, err
}

// alias parses [[AS] name].
func (p *parser) alias(what string) (string, error) {
	if p.accept("AS") || p.atName() {
		return p.name(what)
	}
	return "", nil
}

func (p *parser) from(s *Select) (err error) {
	if !p.accept("FROM") {
		return p.fail("a comma, AS or FROM", clauses...)
	}
	s.From, err = p.source()
	return err
}

// source parses a collection's name, without spaces around the dot, and its alias.
func (p *parser) source() (src Source, err error) {
	src.At = p.tok.start
	if src.Name, err = p.name("the name of a collection"); err != nil {
		return src, err
	}
	if p.err == nil && p.tok.is(".") {
		if p.tok.start != p.prev.end || p.lex.pos < len(p.lex.src) && p.peek().start != p.tok.end {
			return src, Errorf(p.tok.start, "no space may stand around the dot of a collection's name")
		}
		p.advance()
		src.Scope = src.Name
		if src.Name, err = p.name("the name of a collection"); err != nil {
			return src, err
		}
	}
	src.Alias, err = p.alias("a name for the collection")
	return src, err
}

func (p *parser) joins(s *Select) error {
	for {
		j := Join{At: p.tok.start}
		if len(s.Joins) >= MaxSources {
			return TooMany(s.Joins[MaxSources-1].At, "sources", MaxSources)
		}
		switch {
		case p.accept("UNNEST"):
			if err := p.unnest(&j); err != nil {
				return err
			}
			s.Joins = append(s.Joins, j)
			continue
		case p.accept("JOIN"):
		case p.accept("INNER"):
			if err := p.expect("JOIN"); err != nil {
				return err
			}
		case p.accept("CROSS"):
			j.Kind = Cross
			if err := p.expect("JOIN"); err != nil {
				return err
			}
		case p.accept("LEFT"):
			j.Kind = Left
			p.accept("OUTER")
			if err := p.expect("JOIN"); err != nil {
				return err
			}
		default:
			return nil
		}
		if err := p.join(&j); err != nil {
			return err
		}
		s.Joins = append(s.Joins, j)
	}
}

func (p *parser) join(j *Join) (err error) {
	if j.Source, err = p.source(); err != nil {
		return err
	}
	at := p.tok.start
	if p.accept("ON") {
		if j.Kind == Cross {
			return Errorf(at, "a CROSS JOIN has no ON")
		}
		j.On, err = p.expression()
		return err
	}
	if j.Kind != Cross {
		return p.fail("ON and the condition of the join", "ON")
	}
	return nil
}

func (p *parser) unnest(j *Join) (err error) {
	j.Kind = Unnest
	if j.X, err = p.expression(); err != nil {
		return err
	}
	j.Source.At = p.tok.start
	j.Source.Alias, err = p.alias("a name for the items")
	return err
}

func (p *parser) where(s *Select) (err error) {
	if p.accept("WHERE") {
		s.Where, err = p.expression()
	}
	return err
}

func (p *parser) groupBy(s *Select) (err error) {
	if !p.accept("GROUP") {
		return nil
	}
	if err := p.expect("BY"); err != nil {
		return err
	}
	if s.GroupBy, err = p.list(); err != nil {
		return err
	}
	if len(s.GroupBy) > MaxTerms {
		return TooMany(s.GroupBy[MaxTerms].Pos(), "terms in GROUP BY", MaxTerms)
	}
	if p.accept("HAVING") {
		s.Having, err = p.expression()
	}
	return err
}

func (p *parser) orderBy(s *Select) error {
	if !p.accept("ORDER") {
		return nil
	}
	if err := p.expect("BY"); err != nil {
		return err
	}
	for {
		x, err := p.expression()
		if err != nil {
			return err
		}
		o := Order{X: x}
		if p.accept("DESC") {
			o.Desc = true
		} else {
			p.accept("ASC")
		}
		if p.tok.is("NULLS") {
			if o.Nulls, err = p.nulls(); err != nil {
				return err
			}
		}
		if s.OrderBy = append(s.OrderBy, o); len(s.OrderBy) > MaxTerms {
			return TooMany(x.Pos(), "terms in ORDER BY", MaxTerms)
		}
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) nulls() (Nulls, error) {
	p.advance()
	switch {
	case p.accept("FIRST"):
		return NullsFirst, nil
	case p.accept("LAST"):
		return NullsLast, nil
	}
	return NullsOrdered, p.fail("FIRST or LAST", "FIRST", "LAST")
}

func (p *parser) limits(s *Select) (err error) {
	for {
		switch {
		case s.Limit == nil && p.accept("LIMIT"):
			s.Limit, err = p.expression()
		case s.Offset == nil && p.accept("OFFSET"):
			s.Offset, err = p.expression()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}
