package document_test

import (
	"crypto/sha1"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

const (
	digestX = "sha1-ArH2IhJgRp/90GRqSAdAfa750BE="
	digestY = "sha1-a14L7N/FYCM/T74kH/CUoeJJ5qM="
	digestZ = "sha1-4eGDd1i047/JZEJuPBe6oN+8IZc="
)

func blob(digest string) string {
	return `{"@type":"blob","digest":"` + digest + `","length":5,"content_type":"image/png"}`
}

func entry(digest string) string {
	return `{"digest":"` + digest + `","length":5,"content_type":"image/png","stub":true}`
}

func TestBlobsAreFoundAtEveryDepth(t *testing.T) {
	body := `{"a":` + blob(digestX) + `, "b":{"c/d~e":[1,[` + blob(digestY) + `]]},` +
		`"n":{"@type":"blob","digest":"sha1-X="},"m":{"digest":"` + digestZ + `"},` +
		`"o":{"@type":"blob","digest":"` + digestX + `","length":-1,"inner":` + blob(digestZ) + `},` +
		`"_attachments":{"x/y":` + entry(digestZ) + `,"bad":{"digest":"x"},"worse":1}}`
	want := []document.Blob{
		{Digest: digestX, Length: 5, ContentType: "image/png", Pointer: "/a"},
		{Digest: digestY, Length: 5, ContentType: "image/png", Pointer: "/b/c~1d~0e/1/0"},
		{Digest: digestX, Length: -1, Pointer: "/o"},
		{Digest: digestZ, Length: 5, ContentType: "image/png", Pointer: "/_attachments/x~1y"},
	}
	got, err := document.Blobs([]byte(body))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Blobs(%s): %v (-want +got)\n%s", body, err, diff)
	}
	if got, err := document.Blobs([]byte(`{"a":1}`)); got != nil || err != nil {
		t.Errorf("a body without blobs has %v, %v", got, err)
	}
	if _, err := document.Blobs([]byte(`{`)); !errors.Is(err, fault.BadJSON) {
		t.Errorf("a malformed body gives %v", err)
	}
}

func TestDigestsNameContent(t *testing.T) {
	sum := sha1.Sum([]byte("Hello World!"))
	digest := document.Digest(sum)
	if got, err := document.ParseDigest(digest); err != nil || got != sum {
		t.Errorf("ParseDigest(%q) = %x, %v, want %x", digest, got, err, sum)
	}
	for _, bad := range []string{
		"", "sha1-", "sha1-X=", digestX[:32], digestX + "=", "SHA1" + digestX[4:], "sha1-" + digestX[:28],
		"sha1-ArH2IhJgRp/90GRqSAdAfa750BF=", "sha1-ArH2IhJgRp_90GRqSAdAfa750BE=", "sha1-ArH2IhJgRp/90GRqSAdAfa750B==",
		"sha1-ArH2IhJgRp/90GRq\nAdAfa750BE=", "sha1-ArH2IhJgRp/90GRqSAdAfa750BEA",
	} {
		if err := document.CheckDigest(bad); !errors.Is(err, fault.CorruptData) {
			t.Errorf("CheckDigest(%q) = %v", bad, err)
		}
	}
}

func TestCompressibleIsWhatIsNotPacked(t *testing.T) {
	for contentType, want := range map[string]bool{
		"": true, "text/plain": true, "text/plain; charset=utf-8": true, "application/octet-stream": true,
		"application/json": true, "image/svg+xml": true, "image/png": false, "IMAGE/JPEG": false, "audio/mpeg": false,
		"video/mp4": false, "application/gzip": false, "application/x-gzip": false, "application/zip": false,
		"application/zstd": false, "image/;;;": false,
	} {
		if got := document.Compressible(contentType); got != want {
			t.Errorf("Compressible(%q) = %v", contentType, got)
		}
	}
}

func TestWithAttachmentsListsEveryBlob(t *testing.T) {
	for name, x := range map[string]struct {
		body   string
		revpos uint64
		want   string
	}{
		"the specification's": {
			`{"photos":[` + blob(digestX) + `]}`, 3,
			`{"photos":[` + blob(digestX) + `],"_attachments":{"blob_/photos/0":{"digest":"` + digestX +
				`","length":5,"content_type":"image/png","stub":true,"revpos":3}}}`,
		},
		"without revpos": {`{"a":` + blob(digestX) + `}`, 0, `{"a":` + blob(digestX) + `,"_attachments":{"blob_/a":` + entry(digestX) + `}}`},
		"others are kept": {
			`{"_attachments":{"blob_/old":` + entry(digestZ) + `,"mine":` + entry(digestY) + `},"a":` + blob(digestX) + `}`, 0,
			`{"a":` + blob(digestX) + `,"_attachments":{"mine":` + entry(digestY) + `,"blob_/a":` + entry(digestX) + `}}`,
		},
		"more keys": {
			`{"a":{"digest":"` + digestX + `","stub":1,"x":[1.0],"revpos":9,"@type":"blob"}}`, 0,
			`{"a":{"digest":"` + digestX + `","stub":1,"x":[1.0],"revpos":9,"@type":"blob"},"_attachments":{"blob_/a":{"digest":"` +
				digestX + `","x":[1.0],"stub":true}}}`,
		},
		"escapes":       {`{"\"/~":` + blob(digestX) + `}`, 0, `{"\"/~":` + blob(digestX) + `,"_attachments":{"blob_/\"~1~0":` + entry(digestX) + `}}`},
		"no blobs":      {`{"a": 1}`, 3, `{"a": 1}`},
		"only its list": {`{"_attachments":{"mine":` + entry(digestY) + `}}`, 3, `{"_attachments":{"mine":` + entry(digestY) + `}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := document.WithAttachments([]byte(x.body), x.revpos)
			if err != nil || string(got) != x.want {
				t.Errorf("WithAttachments(%s, %d) = %s, %v, want %s", x.body, x.revpos, got, err, x.want)
			}
		})
	}
}

func TestFromGatewayCleansAttachments(t *testing.T) {
	replaced := `{"@type":"blob","name":"x","digest":"` + digestY + `","length":7}`
	for name, x := range map[string]struct {
		body, want string
		dangling   []string
	}{
		"of a blob":          {`{"a":` + blob(digestX) + `,"_attachments":{"blob_/a":` + entry(digestX) + `}}`, `{"a":` + blob(digestX) + `}`, nil},
		"of a nested blob":   {`{"a/b":[0,` + blob(digestX) + `],"_attachments":{"blob_/a~1b/1":` + entry(digestX) + `}}`, `{"a/b":[0,` + blob(digestX) + `]}`, nil},
		"of a REST client":   {`{"_attachments":{"x.png":` + entry(digestX) + `},"a":1}`, `{"a":1,"_attachments":{"x.png":` + entry(digestX) + `}}`, nil},
		"of an old client":   {`{"a":1,"_attachments":{"blob_0":` + entry(digestX) + `}}`, `{"a":1}`, nil},
		"of a missing blob":  {`{"a":1,"_attachments":{"blob_/b":` + entry(digestX) + `}}`, `{"a":1,"_attachments":{"blob_/b":` + entry(digestX) + `}}`, nil},
		"no list, no change": {`{"a": ` + blob(digestX) + `}`, `{"a":` + blob(digestX) + `}`, nil},
		"dangling":           {`{"a":` + blob(digestX) + `,"b":` + blob(digestX) + `,"_attachments":{"x":` + entry(digestY) + `}}`, `{"a":` + blob(digestX) + `,"b":` + blob(digestX) + `,"_attachments":{"x":` + entry(digestY) + `}}`, []string{digestX}},
		"dangling, of none":  {`{"a":` + blob(digestX) + `,"_attachments":{}}`, `{"a":` + blob(digestX) + `}`, []string{digestX}},
		"listed elsewhere":   {`{"a":` + blob(digestX) + `,"_attachments":{"x":` + entry(digestX) + `}}`, `{"a":` + blob(digestX) + `,"_attachments":{"x":` + entry(digestX) + `}}`, nil},
		"replaced through REST": {
			`{"a":{"@type":"blob","digest":"` + digestX + `","length":5,"content_type":"image/png","name":"x"},` +
				`"_attachments":{"blob_/a":{"digest":"` + digestY + `","length":7,"stub":true,"revpos":2}}}`,
			`{"a":` + replaced + `}`, nil,
		},
		"other reserved keys": {`{"_id":"x","a":{"_id":1},"_attachments":[1],"_rev":"1-a"}`, `{"a":{"_id":1}}`, nil},
		"nothing reserved":    {` { } `, `{}`, nil},
		"entry without value": {`{"a":` + blob(digestX) + `,"_attachments":{"blob_/a":null,"x":` + entry(digestX) + `}}`, `{"a":` + blob(digestX) + `,"_attachments":{"blob_/a":null,"x":` + entry(digestX) + `}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, dangling, err := document.FromGateway([]byte(x.body))
			if err != nil || string(got) != x.want {
				t.Errorf("FromGateway(%s) = %s, %v, want %s", x.body, got, err, x.want)
			}
			if diff := cmp.Diff(x.dangling, dangling); diff != "" {
				t.Errorf("dangling (-want +got)\n%s", diff)
			}
		})
	}
}

// A body sent to a gateway comes back unchanged.
func TestAttachmentsComeAndGo(t *testing.T) {
	body := `{"a":[{"b/c":` + blob(digestX) + `},` + blob(digestY) + `],"n":1.50}`
	sent, err := document.WithAttachments([]byte(body), 2)
	if err != nil {
		t.Fatal(err)
	}
	got, dangling, err := document.FromGateway(sent)
	if err != nil || string(got) != body || dangling != nil {
		t.Errorf("%s comes back as %s, %v, %v", body, got, dangling, err)
	}
}

func TestGatewayFunctionsRefuseMalformedBodies(t *testing.T) {
	if _, err := document.WithAttachments([]byte(`{"a"}`), 0); !errors.Is(err, fault.BadJSON) {
		t.Errorf("WithAttachments gives %v", err)
	}
	if _, _, err := document.FromGateway([]byte(`[]`)); !errors.Is(err, fault.CorruptRevision) {
		t.Errorf("FromGateway gives %v", err)
	}
}
