package group

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of a set.
const (
	MaxRemovals  = 4096 // of the group's key
	maxOfInviter = 64   // of each member that may invite
	maxInviters  = 64   // that have removed members
)

// Removals is the set of records of one group. Its zero value is empty and ready to use, from any
// goroutine.
type Removals struct {
	mu       sync.RWMutex
	all      map[removalKey]*Removal
	own      int         // records of the group's key
	inviters map[Key]int // records of each inviter
}

// removalKey is by whom who is removed. Of several such records the one that removes more stays.
type removalKey struct{ signer, member Key }

// Add adds a record. It reports false if the set has one that removes as much, or no room.
func (s *Removals) Add(r *Removal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wantsLocked(r) {
		return false
	}
	if s.all == nil {
		s.all, s.inviters = make(map[removalKey]*Removal), make(map[Key]int)
	}
	key := removalKey{r.key, r.Member()}
	switch {
	case s.all[key] != nil:
	case r.own:
		s.own++
	default:
		s.inviters[r.key]++
	}
	s.all[key] = r
	return true
}

// Wants reports whether Add would add a record.
func (s *Removals) Wants(r *Removal) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.wantsLocked(r)
}

func (s *Removals) wantsLocked(r *Removal) bool {
	if old := s.all[removalKey{r.key, r.Member()}]; old != nil {
		return r.RemovesMore(old)
	}
	return s.hasRoomLocked(r)
}

func (s *Removals) hasRoomLocked(r *Removal) bool {
	if r.own {
		return s.own < MaxRemovals
	}
	n := s.inviters[r.key]
	return n < maxOfInviter && (n > 0 || len(s.inviters) < maxInviters)
}

// Has reports whether the set has a record of this [Removal.ID] with this text.
func (s *Removals) Has(id string, text []byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var key removalKey
	both, err := hex.DecodeString(id)
	if err != nil || copy(key.signer[:], both)+copy(key.member[:], both[min(len(both), len(Key{})):]) != 2*len(Key{}) {
		return false
	}
	r := s.all[key]
	return r != nil && bytes.Equal(r.text, text)
}

// All returns the records, in the order of their IDs.
func (s *Removals) All() []*Removal {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Values(s.all), func(a, b *Removal) int {
		return cmp.Or(bytes.Compare(a.key[:], b.key[:]), bytes.Compare(a.body.Member, b.body.Member))
	})
}

// First returns records for who takes only so many, and so many bytes of them: those of the group's key
// before others, of each the newest first, since these are the least known.
func (s *Removals) First(count, size int) (first []*Removal) {
	all := s.All()
	slices.SortStableFunc(all, func(a, b *Removal) int {
		if a.own != b.own {
			return map[bool]int{true: -1, false: 1}[a.own]
		}
		return cmp.Compare(b.body.Time, a.body.Time)
	})
	for _, r := range all[:min(len(all), count)] {
		if size -= len(r.text); size < 0 {
			break
		}
		first = append(first, r)
	}
	return first
}

// Digest is the same for two sets that remove the same.
func (s *Removals) Digest() [sha256.Size]byte {
	h := sha256.New()
	for _, r := range s.All() {
		fmt.Fprintf(h, "%s %d\n", r.ID(), r.body.After)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// ID names a record in a set: another one of the same signer about the same member takes its place.
func (r *Removal) ID() string {
	member := r.Member()
	return hex.EncodeToString(r.key[:]) + hex.EncodeToString(member[:])
}

// Of returns the record that removes a member on the word of these signers, nil if none does: one of
// the group's key, or of such a signer. What others sign about the member does not count.
func (s *Removals) Of(member Key, signers ...Key) *Removal {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found *Removal
	for key, r := range s.all {
		mine := r.own || slices.Contains(signers, key.signer)
		if key.member == member && mine && (found == nil || r.RemovesMore(found)) {
			found = r
		}
	}
	return found
}

// Admits verifies that no record removes a member, or who has signed for it, and what [Way] verifies. It
// returns that way.
func (s *Removals) Admits(
	name string, root *x509.Certificate, chain []*x509.Certificate, use x509.ExtKeyUsage, now time.Time,
) ([]*x509.Certificate, error) {
	way, err := Way(name, root, chain, use, now)
	if err == nil {
		_, err = s.Removes(way)
	}
	return way, err
}

// Removes returns the record that removes the member at the beginning of a [Way], or an inviter that has
// signed for it, and why for people; nil if none does. Nobody removes the authority.
func (s *Removals) Removes(way []*x509.Certificate) (*Removal, error) {
	last := len(way) - 1
	if last < 1 {
		return nil, nil //nolint:nilnil // the group's own
	}
	signings, err := Signings(way)
	if err != nil {
		return nil, err
	}
	signers := []Key{KeyOf(way[1])}
	for _, signing := range signings {
		signers = append(signers, signing.By)
	}
	if r := s.Of(KeyOf(way[0]), signers...); r != nil {
		return r, fmt.Errorf("it was removed from the group")
	}
	for _, signing := range signings {
		if r := s.Of(signing.By, KeyOf(way[last])); r != nil && (r.body.After == 0 || signing.Time > r.body.After) {
			return r, fmt.Errorf("who has invited it, or renewed its certificate, was removed from the group")
		}
	}
	return nil, nil //nolint:nilnil // nobody does
}
