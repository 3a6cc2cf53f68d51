package identity

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/fault"
)

// Store keeps identities under labels. All methods are safe for concurrent use, and a failed method
// leaves the store unchanged.
//
// A label is any text of 1 to 256 bytes in valid UTF-8 without control characters. Other labels
// fail with [fault.Invalid].
type Store interface {
	// Load returns the identity under label, or [fault.NotFound].
	Load(label string) (*Identity, error)

	// Save stores id under label. If replaces is nil, the label must be free, else the error is
	// [fault.Crypto]. Otherwise the label must hold replaces, else the error is [fault.Conflict]. A
	// key that cannot leave its device fails with [fault.Unsupported] in every store that outlives
	// the process.
	Save(label string, id, replaces *Identity) error

	// Delete removes key and certificates under label, even damaged ones if the rest of the store
	// is sound. An unknown label fails with [fault.NotFound].
	Delete(label string) error

	// Labels returns all labels, sorted.
	Labels() ([]string, error)
}

const maxLabel = 256

// Memory returns an empty store that exists as long as the process.
func Memory() Store { return &memory{ids: map[string]*Identity{}} }

type memory struct {
	mu  sync.Mutex
	ids map[string]*Identity
}

func (m *memory) Load(label string) (*Identity, error) {
	if err := checkLabel(opLoad, label); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.ids[label]
	if !ok {
		return nil, notFound(opLoad, label)
	}
	return id, nil
}

func (m *memory) Save(label string, id, replaces *Identity) error {
	if err := checkLabel(opSave, label); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := checkReplaces(label, m.ids[label], replaces); err != nil {
		return err
	}
	m.ids[label] = id.labelled(label)
	return nil
}

func (m *memory) Delete(label string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.ids[label]; !ok {
		return notFound(opDelete, label)
	}
	delete(m.ids, label)
	return nil
}

func (m *memory) Labels() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.ids)), nil
}

// The operations named in errors.
const (
	opLoad   = "load identity"
	opSave   = "save identity"
	opDelete = "delete identity"
	opList   = "list identities"
)

func checkLabel(op, label string) error {
	invalid := fault.Invalid.In(op, "")
	switch {
	case label == "":
		return invalid.Says("the label is empty")
	case len(label) > maxLabel:
		return invalid.Says("the label has %d bytes, at most %d are allowed", len(label), maxLabel)
	case !utf8.ValidString(label):
		return invalid.Says("the label is not valid UTF-8")
	case strings.ContainsFunc(label, unicode.IsControl):
		return invalid.Says("the label has control characters")
	}
	return nil
}

// checkReplaces decides whether the held identity may be replaced, see Store.Save.
func checkReplaces(label string, held, replaces *Identity) error {
	switch {
	case same(held, replaces):
		return nil
	case replaces == nil:
		return taken(label)
	default:
		return replaced(label)
	}
}

func notFound(op, label string) error {
	return fault.NotFound.In(op, label).Says("no identity has this label")
}

func taken(label string) error {
	return fault.Crypto.In(opSave, label).Says("an identity with this label exists").
		Try("choose another label, or delete the old identity first")
}

func replaced(label string) error {
	return fault.Conflict.In(opSave, label).Says("the stored identity is another one by now")
}
