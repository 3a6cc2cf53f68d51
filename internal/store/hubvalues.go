package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

// Spaces of the values that have tables of their own in SQLite.
const (
	hubPeerCheckpoints  = "peer checkpoints"
	hubLocalCheckpoints = "local checkpoints"
	hubRemotes          = "remotes"
	hubPrevious         = "copied from" // of one value, the previous UUIDs
)

// textKey returns a key that every engine can store as text.
func textKey(key string) string {
	if utf8.ValidString(key) && !strings.ContainsRune(key, 0) && !strings.HasPrefix(key, "\x01") {
		return key
	}
	return "\x01" + base64.RawURLEncoding.EncodeToString([]byte(key))
}

func keyOfText(text string) string {
	coded, isCoded := strings.CutPrefix(text, "\x01")
	if !isCoded {
		return text
	}
	key, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil {
		return text
	}
	return string(key)
}

func (h *hubRows) value(space, key string) ([]byte, error) {
	if err := h.tx.alive(); err != nil {
		return nil, err
	}
	space, key = textKey(space), textKey(key)
	if h.o == nil {
		return h.r.Value(space, key)
	}
	k := valueKey{space, key}
	if v, ok := h.o.values[k]; ok {
		return v.value, nil
	}
	value, err := h.r.Value(space, key)
	if err != nil {
		return nil, err
	}
	h.o.values[k] = valueEntry{value: value}
	h.o.seen.values[k] = value
	return value, nil
}

func (h *hubRows) values(space string, each func(key string, value []byte)) error {
	if err := h.settleAll(); err != nil {
		return err
	}
	return h.r.Values(textKey(space), func(key string, value []byte) { each(keyOfText(key), value) })
}

func (h *hubRows) setValue(space, key string, value []byte, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	put(h.o, h.o.values, valueKey{textKey(space), textKey(key)}, valueEntry{value: slices.Clone(value), dirty: true})
	return nil
}

func (h *hubRows) nthValue(space string, n int) ([]byte, error) {
	if err := h.settleAll(); err != nil {
		return nil, err
	}
	return h.r.NthValue(textKey(space), n)
}

func (h *hubRows) dropValuesUpTo(space string, value []byte, at place) error {
	if err := h.written(at); err != nil {
		return err
	}
	for k := range h.o.values {
		was := h.o.values[k]
		h.o.undo = append(h.o.undo, func() { h.o.values[k] = was })
		delete(h.o.values, k)
	}
	return h.w.DropValuesUpTo(textKey(space), value)
}

func (h *hubRows) peerCheckpoint(client string) (rev int64, body []byte, err error) {
	value, err := h.value(hubPeerCheckpoints, client)
	if err != nil || len(value) < 8 {
		return 0, nil, err
	}
	return int64(binary.BigEndian.Uint64(value)), value[8:], nil //nolint:gosec // as it was stored
}

func (h *hubRows) setPeerCheckpoint(client string, rev int64, body []byte, at place) error {
	value := binary.BigEndian.AppendUint64(nil, uint64(rev)) //nolint:gosec // any 64 bits
	return h.setValue(hubPeerCheckpoints, client, append(value, body...), at)
}

func (h *hubRows) localCheckpoint(id string) ([]byte, error) { return h.value(hubLocalCheckpoints, id) }

func (h *hubRows) setLocalCheckpoint(id string, body []byte, at place) error {
	return h.setValue(hubLocalCheckpoints, id, body, at)
}

func (h *hubRows) remote(url string) (Remote, error) {
	value, err := h.value(hubRemotes, url)
	if err != nil || value == nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0, damaged()
	}
	return Remote(n), nil
}

func (h *hubRows) addRemote(url string, at place) (Remote, error) {
	all, err := h.remotes()
	if err != nil {
		return 0, err
	}
	next := Remote(1)
	for _, number := range all {
		next = max(next, number+1)
	}
	return next, h.setValue(hubRemotes, url, []byte(strconv.FormatInt(int64(next), 10)), at)
}

func (h *hubRows) remoteURL(remote Remote) (string, error) {
	all, err := h.remotes()
	for url, number := range all {
		if number == remote {
			return url, err
		}
	}
	return "", err
}

func (h *hubRows) remotes() (map[string]Remote, error) {
	all := make(map[string]Remote)
	err := h.values(hubRemotes, func(url string, value []byte) {
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			all[url] = Remote(n)
		}
	})
	return all, err
}

func (h *hubRows) collections() (all []*Collection, err error) {
	if err := h.tx.alive(); err != nil {
		return nil, err
	}
	rows, err := h.r.Collections()
	for _, c := range rows {
		all = append(all, &Collection{id: c.Number, scope: c.Scope, name: c.Name})
	}
	return all, err
}

func (h *hubRows) collection(scope, name string) (int64, error) {
	all, err := h.collections()
	for _, c := range all {
		if c.scope == scope && c.name == name {
			return c.id, nil
		}
	}
	return 0, err
}

func (h *hubRows) addCollection(scope, name string, at place) (*Collection, error) {
	if err := h.written(at); err != nil {
		return nil, err
	}
	c, err := h.w.AddCollection(scope, name)
	if err != nil {
		return nil, err
	}
	return &Collection{id: c.Number, scope: scope, name: name}, nil
}

func (h *hubRows) dropCollection(c *Collection, at place) error {
	if err := h.written(at); err != nil {
		return err
	}
	for key := range h.o.heads {
		if key.collection == c.id {
			was := h.o.heads[key]
			h.o.undo = append(h.o.undo, func() { h.o.heads[key] = was })
			delete(h.o.heads, key)
		}
	}
	return h.w.DropCollection(c.id)
}

func (h *hubRows) counters(c *Collection) (counters, error) {
	if err := h.tx.alive(); err != nil {
		return counters{}, err
	}
	rows, err := h.r.Collections()
	for _, is := range rows {
		if is.Number == c.id {
			return counters{collection: c.id, last: is.Last, live: is.Live}, nil
		}
	}
	return counters{}, err
}

func (h *hubRows) set(key string, value any, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	switch v := value.(type) {
	case int64:
		put(h.o, h.o.settings, key, v)
	case string: // the versioning, or whom the database has met
		if key == metaMet {
			met, err := strconv.ParseInt(v, 10, 64)
			put(h.o, h.o.settings, key, met)
			return err
		}
		was := h.o.version
		h.o.undo = append(h.o.undo, func() { h.o.version = was })
		h.o.version = v
	default:
		panic(fmt.Sprintf("store: no setting is a %T", value)) // a programming error
	}
	return nil
}

func (h *hubRows) logConflict(e *LoggedConflict, at place) (n int64, err error) {
	if err := h.tx.beginWrite(at); err != nil {
		return 0, err
	}
	log := h.o.log
	h.o.undo = append(h.o.undo, func() { h.o.log = log })
	h.o.log = append(slices.Clone(log), row.Conflict{
		Time: e.Time.UnixMilli(), Collection: e.Collection, ID: e.ID,
		Remote: textKey(e.Remote), Winner: int64(e.Winner), Why: textKey(e.Why),
		Sides: [2]row.Side{
			{Rev: string(e.Local.Rev), Deleted: e.Local.Deleted, Body: e.Local.Body},
			{Rev: string(e.Theirs.Rev), Deleted: e.Theirs.Deleted, Body: e.Theirs.Body},
		},
		Result: string(e.Result),
	})
	h.tx.db.hub.writer.logged++
	return h.tx.db.hub.writer.logged, nil
}

func (h *hubRows) pruneConflicts(_ int64, at place) error {
	if err := h.written(at); err != nil {
		return err
	}
	return h.w.PruneConflicts(conflictLogEntries, conflictLogBytes)
}

func (h *hubRows) conflictLog(f ConflictFilter, limit int) (log []*LoggedConflict, err error) {
	if err := h.settleAll(); err != nil {
		return nil, err
	}
	rows, err := h.r.Conflicts(f.Collection, f.ID, f.Before, limit)
	for _, c := range rows {
		side := func(s row.Side) LoggedRevision {
			return LoggedRevision{Rev: revision.ID(s.Rev), Deleted: s.Deleted, Body: s.Body}
		}
		log = append(log, &LoggedConflict{
			Number: c.Number, Time: time.UnixMilli(c.Time), Collection: c.Collection, ID: c.ID, Remote: keyOfText(c.Remote),
			Winner: Winner(c.Winner), Why: keyOfText(c.Why), Local: side(c.Sides[0]), Theirs: side(c.Sides[1]), Result: revision.ID(c.Result),
		})
	}
	return log, err
}
