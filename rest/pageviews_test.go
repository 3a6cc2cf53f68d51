package rest_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

func TestALinkToThePageIsMadeByREST(t *testing.T) {
	s := servePage(t, nil)
	var made struct{ Path string }
	check(t, json.Unmarshal([]byte(s.want(s.do("POST /_page_link", "", "As: bob"), 201, "").body), &made))
	v := visit(t, s)
	v.post("login", "t", strings.TrimPrefix(made.Path, "/_tandem/login?t="))
	v.shows(v.get(""), "Log out", "bob")
	s.want(s.do("POST /_page_link", "", "As: "), 401, "")
}

func TestSelectedDocumentsAreDeletedOnceTheirNumberIsTyped(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	pick := func(ids ...string) (fields url.Values) {
		fields = url.Values{}
		for _, id := range ids {
			doc, err := s.coll.Document(t.Context(), id)
			check(t, err)
			fields.Add("pick", doc.RevisionID()+" "+id)
		}
		return fields
	}
	for _, id := range []string{"a", "b c <x>", "d"} {
		v.put(id, `{"n":1}`)
	}
	picked := pick("a", "b c <x>")
	v.shows(v.get("docs/shop"), `value="`+picked["pick"][1]+`"`)
	v.shows(v.do("POST", "docs/shop", picked.Encode()), "Delete 2 documents?", "b c <x>", picked["pick"][0])
	for _, wrong := range []string{"1", "3", "all", "02"} {
		picked.Set("count", wrong)
		v.shows(v.do("POST", "docs/shop", picked.Encode()), "nothing was deleted", "type 2 to delete 2 documents", picked["pick"][1])
	}
	v.wantBody("a", `{"n":1}`)

	picked.Set("count", "2")
	v.put("a", `{"n":2}`) // meanwhile
	got := v.do("POST", "docs/shop", picked.Encode())
	v.shows(got, "1 of 2 documents were not deleted: a: somebody has changed it meanwhile")
	if got.status != http.StatusConflict {
		t.Errorf("got %d", got.status)
	}
	v.wantBody("a", `{"n":2}`)
	v.shows(v.get("docs/shop"), "2 documents")
	picked = pick("a", "d")
	picked.Set("count", "2")
	v.shows(v.do("POST", "docs/shop", picked.Encode()), "2 documents were deleted", "There are no documents yet")
	if got := v.do("POST", "docs/shop", "do=delete&count=0"); got.path != "/_tandem/docs/shop" {
		t.Errorf("nothing selected led to %s", got.path)
	}
	v.put("r", `{}`)
	picked = pick("r")
	picked.Set("count", "1")
	reader := visitAs(t, s, "ron")
	reader.shows(reader.do("POST", "docs/shop", picked.Encode()), "you may only read shop")
}

func TestADocumentsHistoryAndExpiryAreShown(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	id := url.PathEscape(`h <i>1</i>`)
	v.put(`h <i>1</i>`, `{"n":1,"text":"<script>"}`)
	v.shows(v.get("sync/shop/"+id), "this database", "current", `"<script>"`, "The document does not expire.")
	for _, in := range []string{"", "x", "0", "-1", "100001"} {
		v.shows(v.post("sync/shop/"+id, "do", "set", "in", in, "unit", "days"), "this is no time from now")
	}
	v.shows(v.post("sync/shop/"+id, "do", "set", "in", "2", "unit", "weeks"), "this is no time from now")
	v.shows(v.post("sync/shop/"+id, "do", "set", "in", "2", "unit", "hours"), "It expires at the time below.", "Purged here at 20")
	at, err := s.coll.Expiration(t.Context(), `h <i>1</i>`)
	check(t, err)
	if in := time.Until(at); in < time.Hour || in > 2*time.Hour {
		t.Errorf("it expires in %v", in)
	}
	reader := visitAs(t, s, "ron")
	reader.shows(reader.post("sync/shop/"+id, "do", "never"), "you may only read shop", "Purged here at 20")
	v.shows(v.post("sync/shop/"+id, "do", "never"), "It does not expire.")
	if at, err := s.coll.Expiration(t.Context(), `h <i>1</i>`); err != nil || !at.IsZero() {
		t.Errorf("it expires at %v, %v", at, err)
	}
	doc, err := s.coll.Document(t.Context(), `h <i>1</i>`)
	check(t, err)
	check(t, s.coll.Delete(t.Context(), doc))
	v.shows(v.get("sync/shop/"+id), "current, deleted", "(deleted)")
}

func TestThePageManagesWhatIsTrusted(t *testing.T) {
	store := tandem.MemoryIdentityStore()
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Identities = store })
	theirs, err := open(t, "theirs", tandem.Options{}).DefaultCollection(t.Context())
	check(t, err)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{theirs}, NetworkInterface: "127.0.0.1", IdentityStore: tandem.MemoryIdentityStore(),
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	v := visitAs(t, s, "ann")
	form := []string{"database", "shop", "direction", "push", "peer", l.URLs()[0]}
	v.shows(v.post("replications", append(form, "do", "test")...), "The peer has shown a certificate with the fingerprint", "put it in above", l.URLs()[0])
	v.shows(v.post("replications?part=test", append(form, "trust", "on")...), "The peer lets this replication in.")
	v.shows(v.post("replications?part=test", "database", "shop", "direction", "push", "peer", "nonsense"), `role="alert"`)
	v.shows(v.get("replications"), "There is none yet.")
	v.post("replications", append(form, "trust", "on")...)
	eventually(t, "a known server", func() bool { return strings.Contains(v.get("network").html, "Forget") })
	host := peer{url: l.URLs()[0]}.hostPort()
	v.shows(v.get("network"), "trusted on first use", host)
	if got := v.post("network", "db", "shop", "address", host); strings.Contains(got.html, "Forget") {
		t.Errorf("still known:\n%s", got.html)
	}

	v.shows(v.post("identities", "label", "till", "days", "none", "server", "on"), "this is no number of days", `value="till"`)
	v.shows(v.post("identities", "label", "till", "days", "30"), "the identity has no use")
	v.shows(v.post("identities", "label", "till", "days", "30", "client", "on", "dns", "a.example, b.example"), "till was made", "BEGIN CERTIFICATE")
	v.shows(v.post("identities", "label", "till", "days", "30", "client", "on"), "already", "choose another label")
	id, err := tandem.GetIdentity(store, "till")
	check(t, err)
	if days := time.Until(id.Expiration()).Hours() / 24; days < 29 || days > 30 || len(id.Leaf().DNSNames) != 2 {
		t.Errorf("the identity has %v days and the names %v", days, id.Leaf().DNSNames)
	}
	bob := visitAs(t, s, "bob")
	bob.shows(bob.post("identities", "label", "x", "days", "30", "client", "on"), "needs the role admin")
	bob.shows(bob.post("network", "db", "shop", "address", host), "needs the role admin")
}

func TestTheMeshIsDrawnAndDevicesAreInvited(t *testing.T) {
	s, member := serveMesh(t, func(cfg *rest.Configuration) { cfg.Page = true })
	web := httptest.NewServer(s.handler)
	t.Cleanup(web.Close)
	s.url = web.URL
	v := visitAs(t, s, "ann")
	v.shows(v.get("mesh"), "tills: 1 member, 0 links", member.Addresses()[0], "No other member is known yet.")
	got := v.post("mesh", "db", "shop", "do", "invite")
	v.shows(got, "It is not shown again", "tandem mesh join shop", "QR code")
	_, code, _ := strings.Cut(got.html, "tandem mesh join shop ")
	code, _, _ = strings.Cut(code, "<")
	theirs := open(t, "theirs", tandem.Options{})
	joined, err := tandem.JoinPeerGroup(t.Context(), theirs, code, tandem.JoinOptions{
		PeerGroupOptions: tandem.PeerGroupOptions{Identities: tandem.MemoryIdentityStore(), DeviceName: `till "<two>"`},
		Peers:            member.Addresses(), DisableDiscovery: true,
	})
	check(t, err)
	startMember(t, theirs, joined.PeerGroup, `till "<two>"`, member.Addresses()...)
	eventually(t, "the other member", func() bool {
		return strings.Contains(v.get("mesh?part=meshes").html, "tills: 2 members, 1 link")
	})
	eventually(t, "its name", func() bool { return strings.Contains(v.get("mesh").html, `till "<two>"`) })
	r := v.post("mesh", "db", "shop", "do", "invite")
	_, id, _ := strings.Cut(r.html, `name="cancel" value="`)
	id, _, _ = strings.Cut(id, `"`)
	v.shows(v.post("mesh", "db", "shop", "cancel", id), id+": cancelled", "used")
	bob := visitAs(t, s, "bob")
	bob.shows(bob.get("mesh"), "this view needs the role admin")
	bob.shows(bob.post("mesh", "db", "shop", "do", "invite"), "needs the role admin")
}

func TestTheLogIsDownloaded(t *testing.T) {
	log := rest.NewLog(nil)
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Log, cfg.Logger = log, slog.New(log) })
	v := visitAs(t, s, "ann")
	slog.New(log).Warn("something odd", "what", "<x>\n")
	got := v.get("log/download?level=warn")
	var record struct{ Msg, Level string }
	check(t, json.Unmarshal([]byte(got.html), &record))
	if record.Msg != "something odd" || record.Level != "WARN" || !strings.HasPrefix(got.header.Get("Content-Disposition"), `attachment; filename="tandem-log-`) {
		t.Errorf("%s %v", got.html, got.header)
	}
	if got := visitAs(t, s, "bob").get("log/download"); got.status != http.StatusForbidden {
		t.Errorf("a user gets %d", got.status)
	}
}

func TestDebugRecordsAreKeptForAWhile(t *testing.T) {
	log := rest.NewLog(nil)
	logger := slog.New(log)
	s := servePage(t, func(cfg *rest.Configuration) { cfg.Log, cfg.Logger = log, logger })
	v := visitAs(t, s, "ann")
	logger.Debug("before")
	v.shows(v.get("log"), "Keep debug records")
	v.shows(v.post("log", "minutes", "many"), "this is no number of minutes", "from 1 to 60")
	v.shows(v.post("log", "minutes", "61"), "minutes has to be a number from 0 to 60")
	got := v.post("log", "minutes", "10")
	v.shows(got, "Debug records, too, are kept until", "No longer")
	logger.Debug("meanwhile")
	if got = v.get("log?level=debug"); strings.Contains(got.html, "before") {
		t.Error("a record from before is shown")
	}
	v.shows(got, "meanwhile", "DEBUG")
	v.post("log", "minutes", "0")
	logger.Debug("afterwards")
	if got = v.get("log?level=debug"); strings.Contains(got.html, "afterwards") {
		t.Error("a record from afterwards is shown")
	}
	v.shows(got, "meanwhile", "Keep debug records")
	bob := visitAs(t, s, "bob")
	bob.shows(bob.post("log", "minutes", "10"), "needs the role admin")
}

func TestADocumentIsPushedByThePage(t *testing.T) {
	p := newPeer(t)
	s := servePage(t, nil)
	v := visitAs(t, s, "ann")
	v.put("a/b", `{"n":1}`)
	v.shows(v.post("replications", "do", "begin", "database", "shop", "direction", "push", "peer", p.url, "user", "sue", "password", "sesame"), p.url)
	eventually(t, "the first push", func() bool { _, err := p.coll.Document(t.Context(), "a/b"); return err == nil })
	eventually(t, "the end of the replication", func() bool { return strings.Contains(v.get("replications").html, "Stopped") })
	v.put("a/b", `{"n":2}`)
	v.shows(v.get("sync/shop/a%2Fb"), "Push it now", "to "+p.url, "pending")
	v.shows(v.post("sync/shop/a%2Fb", "do", "push", "n", "1"), "The peer has this revision now.", "synced")
	v.shows(v.post("sync/shop/a%2Fb", "do", "push", "n", "1"), "The peer has this revision already.")
	if doc, err := p.coll.Document(t.Context(), "a/b"); err != nil || string(doc.Body()) != `{"n":2}` {
		t.Errorf("the peer has %v, %v", doc, err)
	}
	v.shows(v.post("sync/shop/a%2Fb", "do", "push", "n", "9"), "there is no task 9")
	if got := visitAs(t, s, "bob").get("sync/shop/a%2Fb"); strings.Contains(got.html, "Push it now") {
		t.Error("a user without the role replicate is offered a push")
	}
}

func TestDocumentsOfDotsHaveViews(t *testing.T) {
	v := visitAs(t, servePage(t, nil), "ann")
	for _, id := range []string{".", "..", "..;", ".;"} {
		got := v.post("new/shop", "id", id, "text", `{"is":"`+id+`"}`)
		v.shows(got, "Saved.", `"is": "`+id+`"`)
		v.wantBody(id, `{"is":"`+id+`"}`)
	}
	v.shows(v.get("docs/shop"), `/_tandem/docs/shop/..;"`, `/_tandem/docs/shop/..%3B"`)
	v.shows(v.get("docs/shop/..;"), `"is": ".."`)
	v.shows(v.get("sync/shop/.;"), "Sync and history of")
}

func TestATextForADocumentThatIsDeletedMeanwhileIsKeptWhole(t *testing.T) {
	s := servePage(t, nil)
	v := visitAs(t, s, "bob")
	const base, typed = `{"name":"Anchor","stars":3}`, `{"name":"Harbour","stars":3}`
	for _, do := range []string{"save", "choose"} {
		v.put("a", base)
		doc, err := s.coll.Document(t.Context(), "a")
		check(t, err)
		rev := doc.RevisionID()
		check(t, s.coll.Delete(t.Context(), doc))
		got := v.post("docs/shop/a", "do", do, "rev", rev, "base", base, "text", typed, "mine", typed)
		v.shows(got, "somebody has deleted the document", "Leave it deleted", "Harbour")
		if strings.Contains(got.html, "<table") || got.status != http.StatusConflict {
			t.Errorf("%s: %d, with a choice of members of which there are none:\n%s", do, got.status, got.html)
		}
		v.shows(v.post("docs/shop/a", "do", "save", "rev", "", "base", "", "text", typed), "Saved.")
		v.wantBody("a", typed)
	}
}
