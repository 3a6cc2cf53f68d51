package store

import (
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/revision"
)

// known lists the revisions that remotes are known to have of one document, in the form of its row:
// entries separated by spaces, "3" where remote 3 has the row's own revision and "3=1-abc" where it
// has another. A pulled document thus costs one character.
type known string

// of returns the revision that remote is known to have, or "". own is the row's revision.
func (k known) of(remote Remote, own revision.ID) revision.ID {
	for r, rev := range k.entries(own) {
		if r == remote {
			return rev
		}
	}
	return ""
}

// names reports whether any remote is known to have rev.
func (k known) names(rev, own revision.ID) bool {
	for _, has := range k.entries(own) {
		if has == rev {
			return true
		}
	}
	return false
}

// with returns k with rev as remote's revision.
func (k known) with(remote Remote, rev, own revision.ID) known {
	if k == "" {
		return entry(remote, rev, own)
	}
	var next known
	for r, has := range k.entries(own) {
		if r != remote {
			next = next.join(entry(r, has, own))
		}
	}
	return next.join(entry(remote, rev, own))
}

// moved returns k for a row whose revision changes from one to another.
func (k known) moved(from, to revision.ID) known {
	if k == "" || from == to {
		return k
	}
	var next known
	for r, has := range k.entries(from) {
		next = next.join(entry(r, has, to))
	}
	return next
}

func (k known) entries(own revision.ID) func(yield func(Remote, revision.ID) bool) {
	return func(yield func(Remote, revision.ID) bool) {
		if k == "" {
			return
		}
		for text := range strings.SplitSeq(string(k), " ") {
			number, rev, explicit := strings.Cut(text, "=")
			remote, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				continue // damaged: at worst the document is offered twice
			}
			has := revision.ID(rev)
			if !explicit {
				has = own
			}
			if !yield(Remote(remote), has) {
				return
			}
		}
	}
}

func (k known) join(e known) known {
	if k == "" {
		return e
	}
	return k + " " + e
}

func entry(remote Remote, rev, own revision.ID) known {
	number := strconv.FormatInt(int64(remote), 10)
	if rev == own {
		return known(number)
	}
	return known(number + "=" + string(rev))
}
