package identity

import "regexp"

// Place is where the database of an anonymous identity was when the identity was used last.
type Place struct {
	Path     string // "" if that is not known
	Replaced bool   // the identity of another database was used there since
}

// noter is a [Store] that notes places.
type noter interface {
	noteDatabase(label, path string) error
	places() (map[string]Place, error)
}

// NoteDatabase notes where the database of an anonymous identity is, unless the store keeps no such
// notes.
func NoteDatabase(store Store, uuid [16]byte, path string) error {
	if n, ok := store.(noter); ok {
		return n.noteDatabase(AnonymousLabel(uuid), path)
	}
	return nil
}

var anonymousLabel = regexp.MustCompile(`^anonymous-[0-9a-f]{32}$`)

// Places returns the anonymous identities of a store, by label.
func Places(store Store) (map[string]Place, error) {
	labels, err := store.Labels()
	if err != nil {
		return nil, err
	}
	var noted map[string]Place
	if n, ok := store.(noter); ok {
		if noted, err = n.places(); err != nil {
			return nil, err
		}
	}
	all := make(map[string]Place)
	for _, label := range labels {
		if anonymousLabel.MatchString(label) {
			all[label] = noted[label]
		}
	}
	return all, nil
}

func (f *folder) noteDatabase(label, path string) error {
	noted, err := f.places()
	if err != nil || noted[label] == (Place{Path: path}) {
		return err
	}
	return f.changing(opSave, label, func(labels labelMap) error {
		if _, ok := labels[label]; !ok {
			return notFound(opSave, label)
		}
		for other, entry := range labels {
			switch {
			case other == label:
				entry.Database, entry.Replaced = path, false
			case entry.Database == path:
				entry.Replaced = true
			}
			labels[other] = entry
		}
		return nil
	})
}

func (f *folder) places() (map[string]Place, error) {
	all := make(map[string]Place)
	err := f.reading(opList, f.dir, func() error {
		labels, err := f.readLabels(opList)
		for label, entry := range labels {
			all[label] = Place{entry.Database, entry.Replaced}
		}
		return err
	})
	return all, err
}
