package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// The shell completes operands, by the names that the help gives them, and some flags. A failed
// completion offers nothing and prints nothing. Completion never asks the user and never creates
// anything.

// databaseEnding is the ending of a database folder's name.
const databaseEnding = ".tandem"

// maxCompletions bounds the number of offered document IDs.
const maxCompletions = 100

// completer lists the possible values of an operand or flag that begin with the typed text.
type completer func(ctx context.Context, c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// complete makes the shell complete the operands and flags of a command and its subcommands.
func (a *app) complete(c *cobra.Command) {
	operands := map[string]completer{
		"DB":         databases,
		"ID":         a.inDatabase(documentIDs),
		"COLLECTION": a.inDatabase(collectionNames),
		"URL":        a.inDatabase(peerURLs),
		"LABEL":      labels,
		"FILE":       files,
		"PEER":       a.inDatabase(memberNames),
		"NEW":        files,
	}
	if c.Name() == "delete" && strings.Contains(c.Use, "NAME") {
		operands["NAME"] = a.inDatabase(indexNames)
	}
	if c.HasParent() && (c.Name() == "create" || c.Name() == "import") {
		delete(operands, "LABEL") // create takes a new label
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if find := operands[operandAt(c, len(args))]; find != nil {
			return find(c.Context(), c, args, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for flag, find := range map[string]completer{
		"collection": a.inDatabase(collectionNames), "identity": labels,
		"group": a.inDatabase(groupNames), "cancel": a.inDatabase(openCodes),
	} {
		if c.Flags().Lookup(flag) == nil {
			continue
		}
		err := c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			return find(c.Context(), c, args, typed)
		})
		if err != nil {
			panic(err) // the flag exists and has no other completion
		}
	}
	for _, sub := range c.Commands() {
		a.complete(sub)
	}
}

// operandAt returns the name of operand i in the help of c, "" if c takes no such operand. The last
// name may stand for several operands.
func operandAt(c *cobra.Command, i int) string {
	names := strings.Fields(c.Use)[1:]
	repeats := len(names) > 0 && strings.Contains(names[len(names)-1], "...")
	if i >= len(names) && !repeats {
		return ""
	}
	return operandName(c, i)
}

func files(context.Context, *cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// databases lists the databases in the typed folder, without their ending, and the other folders.
func databases(_ context.Context, _ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	folder, begin := filepath.Split(typed)
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, entry := range entries {
		name, isDatabase := strings.CutSuffix(entry.Name(), databaseEnding)
		isHidden := strings.HasPrefix(name, ".") && begin == ""
		switch {
		case !strings.HasPrefix(name, begin) || isHidden || !entry.IsDir():
		case isDatabase:
			found = append(found, folder+name)
		default:
			found = append(found, folder+name+string(filepath.Separator))
			directive |= cobra.ShellCompDirectiveNoSpace
		}
	}
	return found, directive
}

func labels(_ context.Context, _ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var all []string
	if store, err := identityStore(); err == nil {
		all, _ = store.Labels()
	}
	return beginning(all, typed, args), cobra.ShellCompDirectiveNoFileComp
}

// beginning returns the texts that begin with the typed text and are not given already.
func beginning(all []string, typed string, given []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(text string) bool {
		return !strings.HasPrefix(text, typed) || slices.Contains(given, text)
	})
}

// inDatabase makes a completer from list, which reads the database that the first operand names. It
// reads an encrypted database only if a key file is given.
func (a *app) inDatabase(
	list func(ctx context.Context, db *tandem.Database, c *cobra.Command, typed string) ([]string, error),
) completer {
	return func(ctx context.Context, c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		if len(args) == 0 || a.key.file == "-" {
			return nil, nothing
		}
		key, err := a.key.encryptionKey(a)
		if err != nil {
			return nil, nothing
		}
		db, err := tandem.Open(ctx, args[0], tandem.Options{MustExist: true, ReadOnly: true, EncryptionKey: key})
		if err != nil {
			return nil, nothing
		}
		defer func() { _ = db.Close() }() // nothing was written
		all, err := list(ctx, db, c, typed)
		if err != nil {
			return nil, nothing
		}
		return beginning(all, typed, args[1:]), nothing
	}
}

func documentIDs(ctx context.Context, db *tandem.Database, c *cobra.Command, typed string) (ids []string, err error) {
	coll, err := collectionOf(ctx, db, c)
	if err != nil {
		return nil, err
	}
	for head, err := range coll.ScanHeads(ctx, tandem.ScanOptions{Prefix: typed, Limit: maxCompletions}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, head.ID)
	}
	return ids, nil
}

// collectionOf returns the collection in the flag of c, or the default one.
func collectionOf(ctx context.Context, db *tandem.Database, c *cobra.Command) (*tandem.Collection, error) {
	name, _ := c.Flags().GetString("collection") // "" for a command without it
	return findCollection(ctx, db, name)
}

func collectionNames(ctx context.Context, db *tandem.Database, _ *cobra.Command, _ string) (names []string, err error) {
	all, err := db.Collections(ctx)
	for _, coll := range all {
		names = append(names, coll.FullName())
	}
	return names, err
}

func groupNames(ctx context.Context, db *tandem.Database, _ *cobra.Command, _ string) ([]string, error) {
	return tandem.PeerGroups(ctx, db)
}

// groupOf returns the group in the flag of c, or the only one.
func groupOf(ctx context.Context, db *tandem.Database, c *cobra.Command) (*tandem.PeerGroup, error) {
	name, _ := c.Flags().GetString("group")
	if all, err := tandem.PeerGroups(ctx, db); name == "" && err == nil && len(all) == 1 {
		name = all[0]
	}
	return tandem.OpenPeerGroup(ctx, db, name, tandem.PeerGroupOptions{})
}

func memberNames(ctx context.Context, db *tandem.Database, c *cobra.Command, _ string) (names []string, err error) {
	g, err := groupOf(ctx, db, c)
	if err != nil {
		return nil, err
	}
	all, err := g.Members(ctx)
	for _, m := range all {
		if m.Removed.IsZero() && !m.Self {
			names = append(names, cmp.Or(m.Name, m.ID.String()))
		}
	}
	return names, err
}

func openCodes(ctx context.Context, db *tandem.Database, c *cobra.Command, _ string) (ids []string, err error) {
	g, err := groupOf(ctx, db, c)
	if err != nil {
		return nil, err
	}
	all, err := g.Invitations(ctx)
	for _, i := range all {
		if i.State == tandem.InvitationOpen || i.State == tandem.InvitationNew {
			ids = append(ids, i.ID)
		}
	}
	return ids, err
}

func peerURLs(ctx context.Context, db *tandem.Database, _ *cobra.Command, _ string) ([]string, error) {
	return db.Remotes(ctx)
}

func indexNames(ctx context.Context, db *tandem.Database, c *cobra.Command, _ string) (names []string, err error) {
	coll, err := collectionOf(ctx, db, c)
	if err != nil {
		return nil, err
	}
	all, err := coll.Indexes(ctx)
	for _, index := range all {
		names = append(names, index.Name)
	}
	return names, err
}
