package overlay

import (
	"math/bits"
	"time"
)

// journal lists the peers in the order in which their records have come. Each link reads it from a
// place of its own, so that a record costs the same however many links there are. Peers that were met
// have a list of their own, which goes first: what others make up does not hold it up.
type journal struct {
	entries [ranks][]*peer // an entry counts if it is the last one of its peer
	taken   uint64         // the numbers of links that are in use, a bit for each
}

// ranks is the number of lists: of peers that were met, and of others.
const ranks = 2

// copies is who has the present record of a peer.
type copies struct {
	rank  int    // of the list
	entry int    // in the list; negative for none
	has   uint64 // the links whose other end has it, a bit for each
}

// reader is the place of a link in the journal.
type reader struct {
	next [ranks]int // the entry to read next
	bit  uint64     // of its number; zero if all numbers are in use
}

// newReader returns a reader at the beginning.
func (o *Overlay) newReader() reader {
	r := reader{bit: 1 << bits.TrailingZeros64(^o.journal.taken)} // zero beyond the last bit
	o.journal.taken |= r.bit
	for _, p := range o.ring {
		p.copies.has &^= r.bit
	}
	return r
}

func (o *Overlay) endReader(r reader) { o.journal.taken &^= r.bit }

// enter puts the record of a peer at the end.
func (o *Overlay) enter(p *peer) {
	p.copies.entry, p.copies.rank = -1, ranks-1
	if p.proven() {
		p.copies.rank = 0
	}
	list := &o.journal.entries[p.copies.rank]
	if len(*list) >= 2*len(o.ring)+maxLinks {
		o.compact(p.copies.rank)
	}
	p.copies.entry = len(*list)
	*list = append(*list, p)
}

// compact removes the entries of a list that do not count.
func (o *Overlay) compact(rank int) {
	list := o.journal.entries[rank]
	before := make([]int, len(list)+1) // how many entries that count come before each
	kept := list[:0]
	for i, p := range list {
		before[i] = len(kept)
		if p.copies.rank == rank && p.copies.entry == i {
			p.copies.entry = len(kept)
			kept = append(kept, p)
		}
	}
	before[len(before)-1] = len(kept)
	clear(list[len(kept):])
	o.journal.entries[rank] = kept
	for _, l := range o.links {
		l.reader.next[rank] = before[l.reader.next[rank]]
	}
}

// unread takes the records that the other end of a link lacks, as many as fit.
func (o *Overlay) unread(now time.Time, l *link, to *parcel) {
	for rank, list := range o.journal.entries {
		next := &l.reader.next[rank]
		for ; *next < len(list); *next++ {
			p := list[*next]
			if p.copies.rank != rank || p.copies.entry != *next || p.copies.has&l.reader.bit != 0 || !o.believes(now, p) {
				continue
			}
			if !to.add(p.record) {
				return
			}
			p.copies.has |= l.reader.bit
		}
	}
}
