package document

import (
	"slices"
	"strconv"
	"strings"
)

const (
	attachmentsKey  = "_attachments"
	attachmentsName = `"_attachments"` // the same as JSON
	blobEntry       = "blob_"          // prefix, before a JSON pointer, of the name of a blob's attachment
)

// WithAttachments returns body in the form for a Sync Gateway, which lists each blob in a top-level
// _attachments too. It keeps entries of other names. revpos is the generation of the revision, 0
// for versions. A body without blobs stays unchanged. Errors are those of [Check].
func WithAttachments(body []byte, revpos uint64) ([]byte, error) {
	compact, info, err := Compact(body)
	if err != nil || !info.HasBlobs {
		return body, err
	}
	v := Value(compact)
	list := keptEntries(v)
	eachBlob(v, func(pointer string, blob Value) {
		name := AppendQuoted(nil, []byte(blobEntry+pointer))
		list = AppendMember(list, name, attachmentOf(blob, revpos))
	})
	if len(list) == 0 {
		return body, nil
	}
	return appendWithList(v, Enclose(list, 0, '{', '}')), nil
}

// keptEntries returns the attachments of v that are not named after blobs, each after a comma.
func keptEntries(v Value) []byte {
	var list []byte
	for key, entry := range v.Member(attachmentsKey).Members() {
		if !strings.HasPrefix(string(key.Text()), blobEntry) {
			list = AppendMember(list, key, entry)
		}
	}
	return list
}

// attachmentOf returns the attachment entry of a blob.
func attachmentOf(blob Value, revpos uint64) Value {
	var entry []byte
	for key, value := range blob.Members() {
		switch string(key.Text()) {
		case "@type", "data", "stub", "revpos":
		default:
			entry = AppendMember(entry, key, value)
		}
	}
	entry = append(entry, `,"stub":true`...)
	if revpos > 0 {
		entry = strconv.AppendUint(append(entry, `,"revpos":`...), revpos, 10)
	}
	return Enclose(entry, 0, '{', '}')
}

// appendWithList returns the object v with list as its only _attachments, at the end.
func appendWithList(v, list Value) []byte {
	out := make([]byte, 0, len(v)+len(list)+len(attachmentsName)+2)
	for key, value := range v.Members() {
		if string(key.Text()) != attachmentsKey {
			out = AppendMember(out, key, value)
		}
	}
	out = AppendMember(out, Value(attachmentsName), list)
	return Enclose(out, 0, '{', '}')
}

// FromGateway returns a body from a Sync Gateway in stored form. It drops attachments that stand
// for blobs; if such an entry was replaced through REST, its content passes to the blob first. It
// keeps other attachments and strips other reserved keys. dangling lists the digests of blobs that
// the gateway does not list although it lists attachments: it lacks their content. Errors are those
// of [Check].
func FromGateway(body []byte) (clean []byte, dangling []string, err error) {
	compact, info, err := Compact(body)
	if err != nil || !info.HasReserved {
		return compact, nil, err
	}
	v := Value(compact)
	list := v.Member(attachmentsKey)
	if list.Kind() != Object {
		return appendPlain(make([]byte, 0, len(v)), v), nil, nil
	}
	g := incoming{entries: list.Index(), used: map[string]bool{}}
	clean = g.document(v)
	if kept := g.kept(list); len(kept) > 0 {
		clean = appendWithList(clean, Enclose(kept, 0, '{', '}'))
	}
	return clean, g.dangling(clean), nil
}

// incoming is a body from a gateway during its conversion.
type incoming struct {
	entries Index           // its attachments
	used    map[string]bool // the names of the attachments that stand for blobs
}

func (g *incoming) document(v Value) []byte {
	out := make([]byte, 0, len(v))
	for key, value := range v.Members() {
		if name := key.Text(); !isReserved(name) {
			out = append(append(append(out, ','), key...), ':')
			out = g.appendValue(out, value, escapePointer(name))
		}
	}
	return Enclose(out, 0, '{', '}')
}

func (g *incoming) appendValue(dst []byte, v Value, pointer string) []byte {
	open := len(dst)
	switch v.Kind() {
	case Array:
		i := 0
		for item := range v.Items() {
			dst = g.appendValue(append(dst, ','), item, pointer+"/"+strconv.Itoa(i))
			i++
		}
		return Enclose(dst, open, '[', ']')
	case Object:
		if v.isBlob() {
			return append(dst, g.blob(v, pointer)...)
		}
		for key, value := range v.Members() {
			dst = append(append(append(dst, ','), key...), ':')
			dst = g.appendValue(dst, value, pointer+escapePointer(key.Text()))
		}
		return Enclose(dst, open, '{', '}')
	default:
		return append(dst, v...)
	}
}

// blob returns the blob at pointer with the content that its attachment has.
func (g *incoming) blob(v Value, pointer string) Value {
	name := blobEntry + pointer
	entry := g.entries[name]
	digest := string(entry.Member("digest").Text())
	if CheckDigest(digest) != nil {
		return v
	}
	g.used[name] = true
	if digest == string(v.Member("digest").Text()) {
		return v
	}
	return replaced(v, entry)
}

// replaced returns the blob with the content that entry describes.
func replaced(blob, entry Value) Value {
	described := []string{"digest", "length", "content_type"}
	var out []byte
	for key, value := range blob.Members() {
		if !slices.Contains(described, string(key.Text())) {
			out = AppendMember(out, key, value)
		}
	}
	for key, value := range entry.Members() {
		if slices.Contains(described, string(key.Text())) {
			out = AppendMember(out, key, value)
		}
	}
	return Enclose(out, 0, '{', '}')
}

// kept returns the attachments that do not stand for blobs, each after a comma.
func (g *incoming) kept(list Value) []byte {
	var out []byte
	for key, entry := range list.Members() {
		name := string(key.Text())
		if !g.used[name] && !isNumberedBlob(name) {
			out = AppendMember(out, key, entry)
		}
	}
	return out
}

// isNumberedBlob reports whether name is a blob's attachment name of an old client.
func isNumberedBlob(name string) bool {
	rest, ok := strings.CutPrefix(name, blobEntry)
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// dangling returns the digests of blobs in v that no attachment has.
func (g *incoming) dangling(v Value) []string {
	listed := map[string]bool{}
	for _, entry := range g.entries {
		listed[string(entry.Member("digest").Text())] = true
	}
	var missing []string
	eachBlob(v, func(_ string, blob Value) {
		digest := string(blob.Member("digest").Text())
		if !listed[digest] && !slices.Contains(missing, digest) {
			missing = append(missing, digest)
		}
	})
	return missing
}
