package document

// Side names one of the two bodies in a conflict.
type Side int

// The sides.
const (
	Local Side = iota
	Remote
)

// Merge3 combines two edits of base member by member, at any depth of objects: it takes each member
// from the side that changed, added or deleted it. Arrays, strings and blobs are taken whole. If
// both sides changed a member differently, it takes the member of prefer and adds its JSON pointer
// to conflicts. An empty base means that the sides have no common ancestor. Keys keep local's
// order; errors are those of [Check].
func Merge3(base, local, remote []byte, prefer Side) (merged []byte, conflicts []string, err error) {
	if len(base) == 0 {
		base = []byte("{}")
	}
	var v [3]Value
	for i, body := range [...][]byte{base, local, remote} {
		if v[i], _, err = Compact(body); err != nil {
			return nil, nil, err
		}
	}
	m := merger{prefer: prefer}
	return m.value(v[0], v[1], v[2], ""), m.conflicts, nil
}

type merger struct {
	prefer    Side
	conflicts []string
}

// value merges one value; nil stands for a missing value.
func (m *merger) value(base, local, remote Value, pointer string) Value {
	switch {
	case SameValue(local, remote), SameValue(base, remote):
		return local
	case SameValue(base, local):
		return remote
	case local.isMergeable() && remote.isMergeable():
		return m.object(base, local, remote, pointer)
	}
	m.conflicts = append(m.conflicts, pointer)
	if m.prefer == Local {
		return local
	}
	return remote
}

func (v Value) isMergeable() bool { return v.Kind() == Object && !v.isBlob() }

func (m *merger) object(base, local, remote Value, pointer string) Value {
	bases, locals, remotes := base.Index(), local.Index(), remote.Index()
	out := make([]byte, 0, len(local)+len(remote))
	add := func(key, l, r Value) {
		name := key.Text()
		if v := m.value(bases[string(name)], l, r, pointer+escapePointer(name)); v != nil {
			out = AppendMember(out, key, v)
		}
	}
	for key, value := range local.Members() {
		add(key, value, remotes[string(key.Text())])
	}
	for key, value := range remote.Members() {
		if locals[string(key.Text())] == nil {
			add(key, nil, value)
		}
	}
	return Enclose(out, 0, '{', '}')
}
