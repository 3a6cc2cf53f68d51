package house_test

import (
	"go/types"
	"strings"
	"testing"
)

// TestE7NoExportedTypeIsAnAliasOfAnInternalOne: go doc shows neither its methods nor its fields.
func TestE7NoExportedTypeIsAnAliasOfAnInternalOne(t *testing.T) {
	scope := typed(t, ".")[0].types.Scope()
	for _, name := range scope.Names() {
		object, isType := scope.Lookup(name).(*types.TypeName)
		if !isType || !object.Exported() || !object.IsAlias() {
			continue
		}
		named, isNamed := types.Unalias(object.Type()).(*types.Named)
		if isNamed && strings.Contains(named.Obj().Pkg().Path(), "/internal/") {
			t.Errorf("%s is an alias of %s: define it, so that go doc shows what it has", name, named)
		}
	}
}
