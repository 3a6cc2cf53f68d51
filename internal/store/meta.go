package store

import (
	"crypto/rand"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/revision"
)

// The keys of the table meta.
const (
	metaVersioning = "versioning"
	metaPublic     = "public_uuid"
	metaPrivate    = "private_uuid"
	metaPrevious   = "previous" // the private UUIDs of the databases that this one was copied from, the latest first
	metaSource     = "source"   // the UUID that Source is derived from; if missing, the public UUID
	metaPath       = "path"     // see location
	metaInode      = "inode"    // see location
	metaClock      = "clock"
	metaReserved   = "reserved"   // see writer.state
	metaPurged     = "purged"     // the greatest time of a purged document
	metaKeepBases  = "keep_bases" // see KeepBases
	metaBranches   = "branches"   // clients with revision trees of their own have synced: see branchHistory
)

// meta holds the identity of a database.
type meta struct {
	versioning      Versioning
	public, private [16]byte
	source          [16]byte // of new versions
	previous        [][16]byte
	reserved        revision.Time // see writer.state
	met             string        // see DB.Met
	indexed         bool          // it has, or had, an index for queries
}

func writeMeta(c *conn, versioning Versioning, here location) error {
	if err := c.set(metaVersioning, string(versioning)); err != nil {
		return err
	}
	if err := c.set(metaClock, int64(0)); err != nil {
		return err
	}
	if err := writeLocation(c, here); err != nil {
		return err
	}
	return c.renewUUIDs()
}

// renewUUIDs gives a new or copied database new UUIDs.
func (c *conn) renewUUIDs() error {
	for _, key := range []string{metaPublic, metaPrivate} {
		uuid := make([]byte, 16)
		rand.Read(uuid) // never fails
		if err := c.set(key, uuid); err != nil {
			return err
		}
	}
	return nil
}

// mostPrevious bounds how many previous UUIDs a copy of a copy remembers.
const mostPrevious = 16

// rememberPrivate adds the private UUID, which is about to be replaced, to the previous ones.
func (c *conn) rememberPrivate() error {
	m, err := readMeta(c)
	if err != nil {
		return err
	}
	return c.set(metaPrevious, m.previousOfCopy())
}

// previousOfCopy returns the previous UUIDs of a copy.
func (m meta) previousOfCopy() (text []byte) {
	for i, uuid := range append([][16]byte{m.private}, m.previous...) {
		if i < mostPrevious {
			text = append(text, uuid[:]...)
		}
	}
	return text
}

func previousIn(text []byte) (all [][16]byte) {
	for uuid := range slices.Chunk(text, 16) {
		if len(uuid) == 16 {
			all = append(all, [16]byte(uuid))
		}
	}
	return all
}

func (c *conn) set(key string, value any) error {
	s, err := c.stmt(sqlSetMeta)
	if err != nil {
		return err
	}
	return exec(s, key, value)
}

// get calls read with the value of a key of meta, if the key exists.
func (c *conn) get(key string, read func(*sqlite3.Stmt)) error {
	s, err := c.stmt(sqlGetMeta)
	if err != nil {
		return err
	}
	return query(s, func(s *sqlite3.Stmt) error { read(s); return nil }, key)
}

func readMeta(c *conn) (m meta, err error) {
	if m.versioning, err = readVersioning(c); err != nil {
		return m, err
	}
	if m.reserved, err = readTime(c, metaReserved); err != nil {
		return m, err
	}
	if m.met, err = readMet(c); err != nil {
		return m, err
	}
	for key, uuid := range map[string]*[16]byte{metaPublic: &m.public, metaPrivate: &m.private} {
		n := 0
		if err := c.get(key, func(s *sqlite3.Stmt) { n = copy(uuid[:], s.ColumnRawBlob(0)) }); err != nil {
			return m, err
		}
		if n != len(uuid) {
			return m, damaged()
		}
	}
	m.source = m.public
	if err := c.get(metaSource, func(s *sqlite3.Stmt) { copy(m.source[:], s.ColumnRawBlob(0)) }); err != nil {
		return m, err
	}
	m.previous, err = readPrevious(c)
	return m, err
}

func readPrevious(c *conn) (all [][16]byte, err error) {
	err = c.get(metaPrevious, func(s *sqlite3.Stmt) { all = previousIn(s.ColumnRawBlob(0)) })
	return all, err
}

func readVersioning(c *conn) (v Versioning, err error) {
	err = c.get(metaVersioning, func(s *sqlite3.Stmt) { v = Versioning(s.ColumnText(0)) })
	if err == nil && v != VersionVectors && v != RevTrees && v != Both {
		err = damaged()
	}
	return v, err
}

func readTime(c *conn, key string) (t revision.Time, err error) {
	err = c.get(key, func(s *sqlite3.Stmt) { t = revision.Time(s.ColumnInt64(0)) })
	return t, err
}
