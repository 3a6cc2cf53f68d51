package replication

import (
	"encoding/json"
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// records are small values of type T, one for each document of a collection, that the database keeps
// for sessions with one peer. They are stored as JSON.
type records[T any] struct{ space string }

// recordSpace names the space of small values for records of one kind.
func recordSpace(kind string, remote store.Remote, c *store.Collection) string {
	return fmt.Sprintf("%s %d %s", kind, remote, c.FullName())
}

// of returns the record of a document, or nil. An unreadable record counts as missing.
func (r records[T]) of(tx *store.Tx, id string) (*T, error) {
	text, err := tx.Info(r.space, id)
	if err != nil || text == nil {
		return nil, err
	}
	record := new(T)
	if json.Unmarshal(text, record) != nil {
		return nil, nil //nolint:nilnil // no record is not an error
	}
	return record, nil
}

// each calls yield for each readable record. yield may use the transaction.
func (r records[T]) each(tx *store.Tx, yield func(id string, record T) error) error {
	return tx.Infos(r.space, func(id string, text []byte) error {
		var record T
		if json.Unmarshal(text, &record) != nil {
			return nil
		}
		return yield(id, record)
	})
}

// set writes the record of a document.
func (r records[T]) set(tx *store.Tx, id string, record T) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fault.Unexpected.Because(err)
	}
	return tx.SetInfo(r.space, id, text)
}

// remove removes the record of a document, if there is one.
func (r records[T]) remove(tx *store.Tx, id string) error { return tx.SetInfo(r.space, id, nil) }
