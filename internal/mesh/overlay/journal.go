package overlay

import "math/bits"

// journal lists the peers in the order in which their records have come. Each link reads it from a
// place of its own, so that a record costs the same however many links there are.
type journal struct {
	entries []*peer // an entry counts if it is the last one of its peer
	taken   uint64  // the numbers of links that are in use, a bit for each
}

// copies is who has the present record of a peer.
type copies struct {
	entry int    // in the journal; negative for none
	has   uint64 // the links whose other end has it, a bit for each
}

// reader is the place of a link in the journal.
type reader struct {
	next int    // the entry to read next
	bit  uint64 // of its number; zero if all numbers are in use
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
	if len(o.journal.entries) >= 2*len(o.ring)+maxLinks {
		o.compact()
	}
	p.copies.entry = len(o.journal.entries)
	o.journal.entries = append(o.journal.entries, p)
}

// compact removes the entries that do not count.
func (o *Overlay) compact() {
	before := make([]int, len(o.journal.entries)+1) // how many entries that count come before each
	kept := o.journal.entries[:0]
	for i, p := range o.journal.entries {
		before[i] = len(kept)
		if p.copies.entry == i {
			p.copies.entry = len(kept)
			kept = append(kept, p)
		}
	}
	before[len(before)-1] = len(kept)
	clear(o.journal.entries[len(kept):])
	o.journal.entries = kept
	for _, l := range o.links {
		l.reader.next = before[l.reader.next]
	}
}

// unread takes the records that the other end of a link lacks, as many as fit beside those given.
func (o *Overlay) unread(l *link, records []*Record) []*Record {
	for ; l.reader.next < len(o.journal.entries) && len(records) < MaxRecords; l.reader.next++ {
		p := o.journal.entries[l.reader.next]
		if p.copies.entry != l.reader.next || p.copies.has&l.reader.bit != 0 {
			continue
		}
		p.copies.has |= l.reader.bit
		records = append(records, p.record)
	}
	return records
}
