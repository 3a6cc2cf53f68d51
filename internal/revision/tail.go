package revision

import (
	"slices"
	"strings"
)

// VectorHistory returns the history property of a rev message that carries the version r; "" means to send
// none. What is told of its past as a tree depends on the peer: a Couchbase Lite that has kept a tree ID of the
// document takes a version as newer only if the tree IDs begin with just that, and if it has kept none, only
// without any. A Sync Gateway keeps its body if it is told a tree ID that it lacks.
//
// current is the tree revision that the peer has, "" if it has a version or nothing: then the ancestors from
// there on are sent, at most maxHistory−1. Else shown is a tree ID that the peer has named, which is sent alone.
// An ID that is no ancestor of r counts as none.
func (r Rev) VectorHistory(current, shown ID, maxHistory int) string {
	var tail []ID
	if i := r.ancestor(current); i >= 0 {
		tail = firstOf(r.History.Ancestors[i:], max(maxHistory-1, 0))
	} else if i := r.ancestor(shown); i >= 0 {
		tail = r.History.Ancestors[i : i+1]
	}
	var b strings.Builder
	r.History.write(&b, tail)
	return b.String()
}

// ancestor returns the place of id among the ancestors of r, −1 if it is none.
func (r Rev) ancestor(id ID) int {
	if id == "" {
		return -1
	}
	return slices.IndexFunc(r.History.Ancestors, id.Is)
}

// ShownTree returns the tree ID that a peer shows by sending r: its own, or the first of its tree IDs; "" for
// none.
func (r Rev) ShownTree() ID {
	switch {
	case r.ID.IsTree():
		return r.ID
	case len(r.History.Ancestors) > 0:
		return r.History.Ancestors[0]
	}
	return ""
}
