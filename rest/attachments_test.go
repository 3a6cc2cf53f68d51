package rest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestManyAttachmentsTakeNoTimeWithoutBound(t *testing.T) {
	s := serve(t, nil)
	attachments := func(n int, name string) string {
		var list strings.Builder
		for i := range n {
			fmt.Fprintf(&list, `,"%s%d":{"digest":"%s"}`, name, i, digestOf("nowhere"))
		}
		return `{"text":"` + strings.Repeat("a", 100_000) + `","_attachments":{` + list.String()[1:] + `}}`
	}
	s.want(s.do("PUT /shop/a", attachments(1000, "blob_/a")), 201, "")
	s.want(s.do("PUT /shop/b", attachments(5000, "blob_/a")), 413, "")
	s.want(s.do("PUT /shop/c", attachments(5000, "a")), 404, "") // no such blob is there
}
