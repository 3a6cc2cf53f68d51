package store

import (
	"encoding/binary"

	"github.com/tandemdb/tandem/internal/revision"
)

// These [Tx.Info] spaces keep the times of purged documents. A document created anew under the same
// ID needs a later version, because peers may still have the old document. purgedSpace keeps the
// greatest time of each purged document by ID. purgedFloors keeps for each collection a time that
// is not before that of any other purged document.
const (
	purgedSpace  = "purged " // followed by the collection's full name
	purgedFloors = "purged"
)

// maxPurgedTimes bounds the IDs kept for each collection. Beyond it, the earlier half is replaced
// by a floor.
const maxPurgedTimes = 10_000

// notePurged remembers the greatest time of a document that is being purged. If all clocks are
// right, nobody reads it: the wall clock is later anyway.
func (tx *Tx) notePurged(c *Collection, head *Document) error {
	t := revision.Greatest(head.Rev)
	if t == 0 {
		return nil
	}
	if err := tx.setInfo(purgedSpace+c.FullName(), head.ID, encodeTime(t), more); err != nil {
		return err
	}
	s := tx.state
	s.latestPurged = max(s.latestPurged, t)
	s.purges++
	if s.purges%(maxPurgedTimes/16) != 1 {
		return nil
	}
	return tx.prunePurged(c)
}

// prunePurged drops the earlier half of too many times, and raises the floor to the latest of them.
func (tx *Tx) prunePurged(c *Collection) error {
	floor, err := tx.dropLowerHalf(purgedSpace+c.FullName(), maxPurgedTimes)
	if err != nil || floor == nil {
		return err
	}
	return tx.raiseFloor(c, decodeTime(floor))
}

// notePurgedAll raises the floor to the greatest time in a collection that is being deleted.
func (tx *Tx) notePurgedAll(c *Collection) error {
	var greatest revision.Time
	err := tx.rows.versions(c, func(rev revision.Rev) { greatest = max(greatest, revision.Greatest(rev)) })
	if err != nil || greatest == 0 {
		return err
	}
	return tx.raiseFloor(c, greatest)
}

func (tx *Tx) raiseFloor(c *Collection, t revision.Time) error {
	was, err := tx.Info(purgedFloors, c.FullName())
	if err != nil {
		return err
	}
	s := tx.state
	s.latestPurged = max(s.latestPurged, t)
	return tx.setInfo(purgedFloors, c.FullName(), encodeTime(max(t, decodeTime(was))), more)
}

// purgedTime returns the time that the first version of a new document with this ID must exceed.
func (tx *Tx) purgedTime(c *Collection, id string) (revision.Time, error) {
	if tx.state.latestPurged < revision.Next(0, tx.now) {
		return 0, nil // the usual case, with right clocks
	}
	own, err := tx.Info(purgedSpace+c.FullName(), id)
	if err != nil {
		return 0, err
	}
	floor, err := tx.Info(purgedFloors, c.FullName())
	return max(decodeTime(own), decodeTime(floor)), err
}

// encodeTime encodes a time as bytes of the same order.
func encodeTime(t revision.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(t)) }

func decodeTime(text []byte) revision.Time {
	if len(text) != 8 {
		return 0
	}
	return revision.Time(binary.BigEndian.Uint64(text))
}
