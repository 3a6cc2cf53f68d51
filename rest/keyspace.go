package rest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/users"
)

// keyspace names a collection of a served database: "db", "db.coll" or "db.scope.coll" in a path.
type keyspace struct{ database, scope, collection string }

// parseKeyspace reads an escaped segment of a path. It is split at its dots before it is unescaped:
// a dot in a name is %2E.
func parseKeyspace(segment string) (ks keyspace, ok bool) {
	parts := strings.Split(segment, ".")
	for i, part := range parts {
		name, err := url.PathUnescape(part)
		if err != nil || name == "" {
			return ks, false
		}
		parts[i] = name
	}
	ks = keyspace{database: parts[0], scope: tandem.DefaultName, collection: tandem.DefaultName}
	switch len(parts) {
	case 1:
	case 2:
		ks.collection = parts[1]
	case 3:
		ks.scope, ks.collection = parts[1], parts[2]
	default:
		return ks, false
	}
	return ks, true
}

// String is the text of the keyspace in messages.
func (ks keyspace) String() string { return ks.database + "." + ks.scope + "." + ks.collection }

// escaped is the keyspace as a segment of a path.
func (ks keyspace) escaped() string {
	parts := []string{ks.database, ks.scope, ks.collection}
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(part), ".", "%2E")
	}
	return strings.Join(parts, ".")
}

// served is a database that the handler serves.
type served struct {
	*tandem.Database
	options Database
	name    string // in URLs

	mu    sync.Mutex // guards the following
	known map[string]*tandem.Collection
}

func (h *Handler) serve(all []Database) {
	h.served = make(map[string]*served)
	for _, d := range all {
		name := d.name()
		h.served[name] = &served{Database: d.Database, options: d, name: name, known: map[string]*tandem.Collection{}}
		h.names = append(h.names, name)
	}
	slices.Sort(h.names)
	h.uuid = cmp.Or(h.cfg.UUID, all[0].Database.UUID())
}

// collection returns a collection. Those that were asked for are remembered, which saves a
// transaction for each request.
func (s *served) collection(ctx context.Context, scope, name string) (*tandem.Collection, error) {
	full := scope + "." + name
	s.mu.Lock()
	coll := s.known[full]
	s.mu.Unlock()
	if coll != nil {
		return coll, nil
	}
	coll, err := s.Collection(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.known[full]; known != nil {
		return known, nil // of another request: feeds of one collection share what they read
	}
	s.known[full] = coll
	return coll, nil
}

// forget has the next request look for a collection again.
func (s *served) forget(coll *tandem.Collection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[coll.FullName()] == coll {
		delete(s.known, coll.FullName())
	}
}

// forgetIfGone is forget for a collection that something was not found in: perhaps a document, or perhaps
// another process has deleted the collection.
func (s *served) forgetIfGone(ctx context.Context, coll *tandem.Collection) {
	if _, err := coll.LastSequence(ctx); errors.Is(err, tandem.ErrNotFound) {
		s.forget(coll)
	}
}

// locate finds what the path of a request names, and checks that the user has the access that the
// route needs.
func (c *call) locate(found match) error {
	values := found.values
	for _, segment := range found.segments {
		if !isVariable(segment) {
			continue
		}
		if err := c.locatePart(segment, values[0], found.route.needs); err != nil {
			return err
		}
		values = values[1:]
	}
	return nil
}

func (c *call) locatePart(variable, text string, needs need) error {
	switch {
	case variable == "{db}":
		return c.locateDatabase(text, needs)
	case variable == "{ks}":
		return c.locateCollection(text, needs)
	case strings.HasSuffix(variable, "...}"): // stays escaped
		c.vars = append(c.vars, text)
		return nil
	}
	value, err := url.PathUnescape(text)
	if err != nil {
		return refuse(http.StatusBadRequest, "the path has a malformed escape")
	}
	c.vars = append(c.vars, value)
	return nil
}

func (c *call) locateDatabase(segment string, needs need) error {
	name, err := url.PathUnescape(segment)
	known := c.h.served[name]
	if err != nil || known == nil || strings.Contains(segment, ".") {
		if needs == nothing { // who has not logged in is not told whether there is such a database
			return nil
		}
		return c.noAccess(name)
	}
	c.db = known
	switch needs {
	case readsSome:
		if !c.readsSome(known) {
			return c.noAccess(name)
		}
	case writesSome:
		return c.mayWriteSome()
	default: // for the route itself
	}
	return nil
}

// mayWriteSome checks that the caller may write to any collection of the database.
func (c *call) mayWriteSome() error {
	writes := c.hasSome(c.db, users.Write)
	switch {
	case !writes && !c.readsSome(c.db):
		return c.noAccess(c.db.name)
	case !c.db.options.ClientWrites:
		return errReadOnly
	case !writes:
		return refuse(http.StatusForbidden, "you may not write to %.300s", c.db.name)
	}
	return nil
}

func (c *call) locateCollection(segment string, needs need) error {
	ks, ok := parseKeyspace(segment)
	known := c.h.served[ks.database]
	if !ok || known == nil {
		return c.noAccess(segment)
	}
	c.db, c.ks = known, ks
	switch rights := c.rights(ks); {
	case needs == writes && rights == users.Read:
		return refuse(http.StatusForbidden, "you may only read %s", ks)
	case needs == reads && rights&users.Read == 0, needs == writes && rights&users.Write == 0:
		return c.noAccess(ks.String())
	case needs == writes && !known.options.ClientWrites:
		return errReadOnly
	}
	coll, err := known.collection(c.r.Context(), ks.scope, ks.collection)
	switch {
	case err == nil:
		c.coll = coll
	case needs == decides: // by itself, about a collection that may not exist
	case errors.Is(err, tandem.ErrNotFound), errors.Is(err, tandem.ErrInvalid):
		return c.noAccess(ks.String())
	default:
		return err
	}
	return nil
}
