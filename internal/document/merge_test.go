package document_test

import (
	"cmp"
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

func TestMerge3TakesBothSidesChanges(t *testing.T) {
	for name, x := range map[string]struct {
		base, local, remote string
		want                string // with the local side preferred
		remotely            string // with the remote side preferred, if different
		conflicts           string
	}{
		"different members": {
			base: `{"a":1,"b":1}`, local: `{"a":2,"b":1}`, remote: `{"a":1,"b":2}`, want: `{"a":2,"b":2}`,
		},
		"both add":    {base: `{}`, local: `{"a":1}`, remote: `{"b":2}`, want: `{"a":1,"b":2}`},
		"both delete": {base: `{"a":1,"b":1,"c":1}`, local: `{"b":1,"c":1}`, remote: `{"a":1,"c":1}`, want: `{"c":1}`},
		"same change": {base: `{"a":1}`, local: `{"a":2}`, remote: `{"a":2.0}`, want: `{"a":2}`},
		"one deletes": {base: `{"b":1,"a":1}`, local: `{"a":1}`, remote: `{"a":1,"b":1}`, want: `{"a":1}`},
		"nested": {
			base: `{"a":{"x":1,"y":1}}`, local: `{"a":{"x":2,"y":1}}`, remote: `{"a":{"x":1,"y":2,"z":3}}`,
			want: `{"a":{"x":2,"y":2,"z":3}}`,
		},
		"objects without base": {local: `{"a":{"x":1}}`, remote: `{"a":{"y":2}}`, want: `{"a":{"x":1,"y":2}}`},
		"same member": {
			base: `{"a":1}`, local: `{"a":2}`, remote: `{"a":3}`,
			want: `{"a":2}`, remotely: `{"a":3}`, conflicts: "/a",
		},
		"change and delete": {
			base: `{"a":1,"b":1}`, local: `{"a":2,"b":1}`, remote: `{"b":1}`,
			want: `{"a":2,"b":1}`, remotely: `{"b":1}`, conflicts: "/a",
		},
		"delete and change": {
			base: `{"b":1,"a":1}`, local: `{"b":1}`, remote: `{"b":1,"a":2}`,
			want: `{"b":1}`, remotely: `{"b":1,"a":2}`, conflicts: "/a",
		},
		"both add the same": {
			base: `{}`, local: `{"a":1}`, remote: `{"a":2}`,
			want: `{"a":1}`, remotely: `{"a":2}`, conflicts: "/a",
		},
		"arrays are whole": {
			base: `{"a":[1]}`, local: `{"a":[1,2]}`, remote: `{"a":[0,1]}`,
			want: `{"a":[1,2]}`, remotely: `{"a":[0,1]}`, conflicts: "/a",
		},
		"blobs are whole": {
			base: `{"a":` + blob(digestX) + `}`, local: `{"a":` + blob(digestY) + `}`, remote: `{"a":` + blob(digestZ) + `}`,
			want: `{"a":` + blob(digestY) + `}`, remotely: `{"a":` + blob(digestZ) + `}`, conflicts: "/a",
		},
		"several conflicts": {
			base: `{"a":{"b/c":1},"d":1}`, local: `{"a":{"b/c":2},"d":2}`, remote: `{"a":{"b/c":3},"d":3}`,
			want: `{"a":{"b/c":2},"d":2}`, remotely: `{"a":{"b/c":3},"d":3}`, conflicts: "/a/b~1c /d",
		},
	} {
		t.Run(name, func(t *testing.T) {
			wants := map[document.Side]string{document.Local: x.want, document.Remote: cmp.Or(x.remotely, x.want)}
			for side, want := range wants {
				got, conflicts, err := document.Merge3([]byte(x.base), []byte(x.local), []byte(x.remote), side)
				if err != nil || string(got) != want || strings.Join(conflicts, " ") != x.conflicts {
					t.Errorf("Merge3(%s, %s, %s, %v) = %s, %v, %v, want %s, %s",
						x.base, x.local, x.remote, side, got, conflicts, err, want, x.conflicts)
				}
			}
		})
	}
}

func TestMerge3RefusesMalformedBodies(t *testing.T) {
	for _, bodies := range [][3]string{{`{`, `{}`, `{}`}, {``, `[]`, `{}`}, {``, `{}`, ``}} {
		_, _, err := document.Merge3([]byte(bodies[0]), []byte(bodies[1]), []byte(bodies[2]), document.Local)
		if !errors.Is(err, fault.BadJSON) && !errors.Is(err, fault.CorruptRevision) {
			t.Errorf("Merge3(%q) gives %v", bodies, err)
		}
	}
}
