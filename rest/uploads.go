package rest

import (
	"slices"
	"sync"
	"time"
)

// Bounds of the uploads that are remembered. As long as that, a blob is kept without a document.
const (
	uploadKept     = 24 * time.Hour
	maxUploads     = 100_000
	maxUploadsEach = 1000 // of one user
)

// upload names a blob of a database.
type upload struct{ database, digest string }

// uploaded is an upload at a time.
type uploaded struct {
	upload
	at time.Time
}

// uploads remember which blobs each user has stored. The zero value is empty.
type uploads struct {
	mu  sync.Mutex            // guards the following
	of  map[string][]uploaded // by user, the oldest first
	sum int
}

// note remembers an upload. The oldest of the user give way, or the oldest of all.
func (u *uploads) note(who string, what upload, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of == nil {
		u.of = make(map[string][]uploaded)
	}
	u.drop(who, func(is uploaded) bool { return is.upload == what || now.Sub(is.at) >= uploadKept })
	for len(u.of[who]) >= maxUploadsEach {
		u.dropOldest(who)
	}
	for u.sum >= maxUploads {
		u.dropOldest(u.oldest())
	}
	u.of[who] = append(u.of[who], uploaded{what, now})
	u.sum++
}

// has reports whether a user has stored a blob within the last day.
func (u *uploads) has(who string, what upload) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.of[who], func(is uploaded) bool { return is.upload == what && time.Since(is.at) < uploadKept })
}

func (u *uploads) drop(who string, goes func(uploaded) bool) {
	all := u.of[who]
	kept := slices.DeleteFunc(all, goes)
	u.sum -= len(all) - len(kept)
	u.of[who] = kept
}

func (u *uploads) dropOldest(who string) {
	first := true
	u.drop(who, func(uploaded) bool { was := first; first = false; return was })
	if len(u.of[who]) == 0 {
		delete(u.of, who)
	}
}

// oldest returns the user of the oldest upload. There is one.
func (u *uploads) oldest() (who string) {
	var at time.Time
	for name, all := range u.of {
		if len(all) > 0 && (at.IsZero() || all[0].at.Before(at)) {
			who, at = name, all[0].at
		}
	}
	return who
}
