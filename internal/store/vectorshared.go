package store

import (
	"slices"

	"github.com/tandemdb/tandem/internal/query/vector"
)

// sharedLists are centroids that all connections use. Writers need them for each vector, so they stay in memory whatever
// [Options].VectorCache says; the cache counts them, and has less room for vectors.
type sharedLists struct {
	token string
	*vector.Lists
}

// mostShared bounds the centroids that are kept for connections that do not have them yet.
const mostShared = 16

// share returns the centroids of a token, which it reads if it does not have them.
func (c *vectorCache) share(token string, read func() (*vector.Lists, error)) (*vector.Lists, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.IndexFunc(c.centroids, func(l sharedLists) bool { return l.token == token })
	if at >= 0 {
		return c.centroids[at].Lists, nil
	}
	l, err := read()
	if err != nil {
		return nil, err
	}
	c.centroids = append(c.centroids, sharedLists{token, l})
	c.centroids = slices.Delete(c.centroids, 0, max(0, len(c.centroids)-mostShared))
	c.shrink()
	return l, nil
}

// shared returns how many bytes the centroids take.
func (c *vectorCache) shared() (bytes int64) {
	for _, l := range c.centroids {
		bytes += int64(4 * (len(l.Centroids()) + l.Count()))
	}
	return bytes
}

// forgetShared forgets centroids, all of them if no token is given. Connections that have them keep them.
func (c *vectorCache) forgetShared(tokens ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.centroids = slices.DeleteFunc(c.centroids, func(l sharedLists) bool { return len(tokens) == 0 || slices.Contains(tokens, l.token) })
}
