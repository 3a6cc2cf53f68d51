package revision_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
)

func TestReceiveKeepsWhatIsNotCovered(t *testing.T) {
	for name, x := range map[string]struct {
		local    revision.Rev
		deleted  bool
		known    revision.ID
		incoming revision.Rev
		want     revision.Order
	}{
		"new document":                        {revision.Rev{}, false, "", vector(a1), revision.Newer},
		"descendant":                          {vector(a1), false, "", vector(b1, a1), revision.Newer},
		"present":                             {vector(a1), false, "", vector(a1), revision.Same},
		"ancestor":                            {vector(b1, a1), false, "", vector(a1), revision.Older},
		"conflict":                            {vector(a1), false, a1, vector(b1), revision.Conflict},
		"created anew on a known tombstone":   {vector(a1), true, a1, vector(b1), revision.Newer},
		"created anew on another tombstone":   {vector(a1), true, "", vector(b1), revision.Conflict},
		"branch below a known tombstone":      {vector(a1, c1), true, a1, vector(b1, c1), revision.Conflict},
		"tree created anew on its tombstone":  {tree("2-b", "1-a"), true, "2-b", tree("1-x"), revision.Newer},
		"tree branch below its tombstone":     {tree("2-b", "1-a"), true, "2-b", tree("2-x", "1-a"), revision.Conflict},
		"legacy tombstone and its past":       {tree("2-b", "1-a"), true, "2-b", upgraded(a1, "1-a"), revision.Newer},
		"legacy that the peer had":            {tree("2-b", "1-a"), false, "2-b", vector(a1), revision.Newer},
		"legacy that the peer had, encoded":   {tree("2-b"), false, revision.ID("2-b").Encoded(), vector(a1), revision.Newer},
		"legacy with local work":              {tree("2-b", "1-a"), false, "1-a", vector(a1), revision.Conflict},
		"legacy in the history":               {tree("2-b", "1-a"), false, "", upgraded(a1, "2-b"), revision.Newer},
		"tree conflict that the peer had":     {tree("2-b", "1-a"), false, "2-b", tree("2-x", "1-a"), revision.Conflict},
		"so much younger than what it had":    {tree("2-b", "1-a"), false, "2-b", tree("9-x", "8-x", "7-x"), revision.Newer},
		"younger without any history":         {tree("2-b", "1-a"), false, "2-b", tree("9-x"), revision.Newer},
		"as much younger than local work":     {tree("2-b", "1-a"), false, "1-a", tree("9-x", "8-x", "7-x"), revision.Conflict},
		"as much younger, from a stranger":    {tree("2-b", "1-a"), false, "", tree("9-x", "8-x", "7-x"), revision.Conflict},
		"a branch that begins beside it":      {tree("2-b", "1-a"), false, "2-b", tree("4-x", "3-x", "2-x"), revision.Conflict},
		"tree revision after an upgrade here": {upgraded(a1, "3-c"), false, "", tree("4-d", "3-c"), revision.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			if got := revision.Receive(x.local, x.deleted, x.known, x.incoming); got != x.want {
				t.Errorf("Receive(%v, %v, %q, %v) = %v, want %v", x.local, x.deleted, x.known, x.incoming, got, x.want)
			}
		})
	}
}

// The complete tables of answers, for tree revisions and for versions.
func TestWantedAsksForWhatMayBeNew(t *testing.T) {
	encoded := revision.ID("2-b").Encoded()
	for name, x := range map[string]struct {
		local, announced revision.Rev
		want             revision.Order
	}{
		"no document":                   {revision.Rev{}, tree("1-a"), revision.Newer},
		"current":                       {tree("2-b", "1-a"), tree("2-b"), revision.Same},
		"in the tree":                   {tree("2-b", "1-a"), tree("1-a"), revision.Older},
		"higher generation":             {tree("2-b", "1-a"), tree("3-c"), revision.Newer},
		"same generation":               {tree("2-b", "1-a"), tree("2-x"), revision.Conflict},
		"lower generation":              {tree("2-b", "1-a"), tree("1-x"), revision.Conflict},
		"same version":                  {vector(a1), vector(a1), revision.Same},
		"seen version":                  {vector(a1, b1), vector(b1), revision.Older},
		"unknown version":               {vector(a1), vector(b1), revision.Conflict},
		"later version of the source":   {vector(a1), vector(a2), revision.Newer},
		"whole vector":                  {vector(a1), vector(b1, a1), revision.Newer},
		"version over a tree revision":  {tree("2-b"), vector(a1), revision.Newer},
		"encoded form of the tree":      {tree("2-b"), vector(encoded), revision.Same},
		"tree revision of the past":     {upgraded(a1, "2-b", "1-a"), tree("2-b"), revision.Older},
		"tree revision of another past": {upgraded(a1, "2-b", "1-a"), tree("3-c"), revision.Conflict},
		"later, superseded":             {superseding(tree("2-b"), "2-x"), tree("2-x"), revision.Newer},
		"earlier, superseded":           {superseding(tree("2-x"), "2-b"), tree("2-b"), revision.Older},
		"tree form of the encoded":      {vector(encoded), tree("2-b"), revision.Same},
	} {
		t.Run(name, func(t *testing.T) {
			if got := revision.Wanted(x.local, x.announced); got != x.want {
				t.Errorf("Wanted(%v, %v) = %v, want %v", x.local, x.announced, got, x.want)
			}
		})
	}
}

// Couchbase Lite 4 orders encoded tree IDs of all branches, and goes by that.
func TestAVersionOverALaterEncodedTreeIDComesAfterAnEarlierOne(t *testing.T) {
	two, three := revision.ID("2-b").Encoded(), revision.ID("3-c").Encoded()
	for name, x := range map[string]struct {
		local, incoming revision.Rev
		want            bool
	}{
		"over a later one":         {vector(two), vector(a1, three), true},
		"over an earlier one":      {vector(three), vector(a1, two), false},
		"over none":                {vector(two), vector(a1, b1), false},
		"each has seen the other":  {vector(two, a1), vector(a1, three), false},
		"a tree revision":          {tree("2-b"), vector(a1, three), false},
		"over a version":           {vector(b1, two), vector(a1, three), false},
		"over the same":            {vector(two), vector(a1, two), false},
		"the later tree ID itself": {vector(two), vector(three), true},
		"the earlier one":          {vector(three), vector(two), false},
		"over the greater of two":  {vector(revision.ID("3-a").Encoded()), vector(a1, three), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := revision.IsAfterEncoded(x.local, x.incoming); got != x.want {
				t.Errorf("IsAfterEncoded(%v, %v) = %t, want %t", x.local, x.incoming, got, x.want)
			}
		})
	}
}

// A Sync Gateway's version of a tree revision is that revision. Its first ancestor names it.
func TestAGatewaysVersionOfAnAncestorIsOlder(t *testing.T) {
	for name, x := range map[string]struct {
		local, incoming revision.Rev
		want            bool
	}{
		"of an ancestor of a tree":      {tree("3-c", "2-b", "1-a"), upgraded(b1, "2-b", "1-a"), true},
		"of an older one":               {tree("3-c", "2-b", "1-a"), upgraded(b1, "1-a"), true},
		"of ours":                       {tree("2-b", "1-a"), upgraded(b1, "2-b", "1-a"), false},
		"of a later one":                {tree("2-b", "1-a"), upgraded(b1, "3-c", "2-b"), false},
		"of another branch":             {tree("3-c", "2-b", "1-a"), upgraded(b1, "2-x", "1-a"), false},
		"of what our version came from": {upgraded(a1, "2-b", "1-a"), upgraded(b1, "2-b", "1-a"), true},
		"that our version has seen": {
			revision.Rev{ID: a1, History: revision.History{Previous: []revision.ID{b1}, Ancestors: []revision.ID{"2-b"}}},
			upgraded(b1, "2-b"), false,
		},
		"of no tree":           {tree("2-b", "1-a"), vector(b1), false},
		"a tree":               {tree("2-b", "1-a"), tree("2-x", "1-a"), false},
		"of a document unseen": {revision.Rev{}, upgraded(b1, "1-a"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := revision.IsUpgradeOf(x.local, x.incoming); got != x.want {
				t.Errorf("IsUpgradeOf(%v, %v) = %v, want %v", x.local, x.incoming, got, x.want)
			}
		})
	}
}

// Only the parent counts.
func TestProposalAcceptsDescendants(t *testing.T) {
	for name, x := range map[string]struct {
		cur      revision.Rev
		deleted  bool
		proposed revision.Rev
		parent   revision.ID
		want     int
	}{
		"new document":                        {revision.Rev{}, false, tree("1-a"), "", revision.Accept},
		"document that is gone":               {revision.Rev{}, false, tree("2-b"), "1-a", revision.Accept},
		"present":                             {tree("2-b", "1-a"), false, tree("2-b"), "1-a", revision.Known},
		"right parent":                        {tree("2-b", "1-a"), false, tree("3-c"), "2-b", revision.Accept},
		"parent several generations ago":      {tree("2-b", "1-a"), false, tree("9-x"), "2-b", revision.Accept},
		"old parent":                          {tree("2-b", "1-a"), false, tree("2-x"), "1-a", revision.Refuse},
		"no parent":                           {tree("1-a"), false, tree("1-x"), "", revision.Refuse},
		"no parent on a tombstone":            {tree("2-b", "1-a"), true, tree("1-x"), "", revision.Accept},
		"wrong parent on a tombstone":         {tree("2-b", "1-a"), true, tree("2-x"), "1-a", revision.Refuse},
		"ancestor":                            {tree("2-b", "1-a"), false, tree("1-a"), "", revision.Known},
		"ancestor of a tombstone":             {tree("2-b", "1-a"), true, tree("1-a"), "", revision.Known},
		"same version":                        {vector(a1), false, vector(a1), "", revision.Known},
		"version with the right parent":       {vector(a1), false, vector(b1), a1, revision.Accept},
		"version with a wrong parent":         {vector(a1), false, vector(b1), c1, revision.Refuse},
		"vector that dominates":               {vector(a1), false, vector(b1, a1), "", revision.Accept},
		"later of the same source":            {vector(a1), false, vector(a2), "", revision.Accept},
		"vector that is dominated":            {vector(a1, b1), false, vector(b1), "", revision.Known},
		"legacy parent":                       {tree("2-b", "1-a"), false, vector(a1), "2-b", revision.Accept},
		"encoded legacy parent":               {tree("2-b"), false, vector(a1), revision.ID("2-b").Encoded(), revision.Accept},
		"later, superseded":                   {superseding(tree("2-b"), "2-x"), false, tree("2-x"), "1-a", revision.Refuse},
		"later, superseded, right parent":     {superseding(tree("2-b"), "2-x"), false, tree("2-x"), "2-b", revision.Accept},
		"earlier, superseded":                 {superseding(tree("2-x"), "2-b"), false, tree("2-b"), "1-a", revision.Known},
		"earlier, superseded, right parent":   {superseding(tree("2-x"), "2-b"), false, tree("2-b"), "2-x", revision.Refuse},
		"vectors that have seen each other":   {vector(a1, b1), false, vector(b1, a1), a1, revision.Refuse},
		"tree revision after an upgrade here": {upgraded(a1, "3-c"), false, tree("4-d"), "3-c", revision.Refuse},
	} {
		t.Run(name, func(t *testing.T) {
			if got := revision.Proposal(x.cur, x.deleted, x.proposed, x.parent); got != x.want {
				t.Errorf("Proposal(%v, %v, %v, %q) = %d, want %d", x.cur, x.deleted, x.proposed, x.parent, got, x.want)
			}
		})
	}
}

// C-02: the default rules.
func TestDefaultWinnerFollowsTheRules(t *testing.T) {
	for name, x := range map[string]struct {
		local, remote               revision.Rev
		localDeleted, remoteDeleted bool
		want                        bool
	}{
		"local deletion":            {vector(a1), vector(b2), true, false, true},
		"remote deletion":           {vector(a2), vector(b1), false, true, false},
		"both deleted":              {vector(a2), vector(b1), true, true, true},
		"local is later":            {vector(a2), vector(b1), false, false, true},
		"remote is later":           {vector(a1), vector(b2), false, false, false},
		"tie":                       {vector(a1), vector(b1), false, false, true},
		"tie seen from the other":   {vector(b1), vector(a1), false, false, false},
		"local generation":          {tree("3-a"), tree("2-b"), false, false, true},
		"remote generation":         {tree("9-a"), tree("10-a"), false, false, false},
		"local digest":              {tree("2-b"), tree("2-a"), false, false, true},
		"remote digest":             {tree("2-a"), tree("2-b"), false, false, false},
		"version over local legacy": {tree("99-a"), vector(a1), false, false, false},
		"version over remote":       {vector(a1), tree("99-a"), false, false, true},
		"version over long history": {tree("4000000-a"), vector(a1), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := revision.DefaultWinner(x.local, x.remote, x.localDeleted, x.remoteDeleted); got != x.want {
				t.Errorf("DefaultWinner(%v, %v) = %v", x.local, x.remote, got)
			}
		})
	}
}
