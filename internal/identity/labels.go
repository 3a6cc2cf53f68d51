package identity

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

const (
	labelsName    = "labels.json"
	lockName      = "lock"
	labelsFormat  = "tandem-identities"
	labelsVersion = 1
)

// identityFile matches every file name that a label may refer to, so that no label refers to a file
// outside the folder.
var identityFile = regexp.MustCompile(`^[0-9a-f]{32}\.pem$`)

// labelMap is the content of labels.json.
type labelMap map[string]labelEntry

type labelEntry struct {
	File        string `json:"file"`
	Fingerprint string `json:"fingerprint"`

	// Of an anonymous identity.
	Database string `json:"database,omitempty"` // the path of the database that used it last
	Replaced bool   `json:"replaced,omitempty"` // the identity of another database was used there since
}

type labelsFile struct {
	Format     string   `json:"format"`
	Version    int      `json:"version"`
	Identities labelMap `json:"identities"`
}

func (m labelMap) sorted() []string { return slices.Sorted(maps.Keys(m)) }

// checkReplaces applies the rule of Store.Save to fingerprints, so that it works with a damaged
// identity file, too.
func (m labelMap) checkReplaces(label string, replaces *Identity) error {
	held, ok := m[label]
	switch {
	case replaces == nil && !ok:
		return nil
	case replaces == nil:
		return taken(label)
	case !ok || held.Fingerprint != replaces.Fingerprint():
		return replaced(label)
	}
	return nil
}

// readLabels returns the labels of the folder; a missing file means no labels.
func (f *folder) readLabels(op string) (labelMap, error) {
	path := filepath.Join(f.dir, labelsName)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return labelMap{}, nil
	}
	if err != nil {
		return nil, ioFault(op, path, err)
	}
	return parseLabels(op, path, data)
}

func parseLabels(op, path string, data []byte) (labelMap, error) {
	var file labelsFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fault.CorruptData.In(op, path).Because(err)
	}
	switch {
	case file.Format != labelsFormat:
		return nil, fault.WrongFormat.In(op, path).Says("not a folder of identities")
	case file.Version > labelsVersion:
		return nil, fault.TooNew.In(op, path).Says("the folder has format %d, this program knows %d",
			file.Version, labelsVersion)
	}
	for label, entry := range file.Identities {
		if checkLabel(op, label) != nil || !identityFile.MatchString(entry.File) {
			return nil, fault.CorruptData.In(op, path).Says("the entry of %q is malformed", label)
		}
	}
	if file.Identities == nil {
		return labelMap{}, nil
	}
	return file.Identities, nil
}

func (f *folder) writeLabels(op string, labels labelMap) error {
	path := filepath.Join(f.dir, labelsName)
	data, err := json.MarshalIndent(labelsFile{labelsFormat, labelsVersion, labels}, "", "  ")
	if err != nil {
		return fault.Unexpected.In(op, path).Because(err)
	}
	if err := replaceFile(path, append(data, '\n')); err != nil {
		return ioFault(op, path, err)
	}
	return nil
}
