package rest

import (
	"mime/multipart"
	"net/textproto"
)

// mixed writes documents as parts of multipart/mixed, as Sync Gateway does.
type mixed struct {
	stream *stream
	parts  *multipart.Writer
}

func newMultipart(c *call, status int) *mixed {
	m := &mixed{}
	boundary := multipart.NewWriter(nil).Boundary() // a random one
	m.stream = c.stream(status, `multipart/mixed; boundary="`+boundary+`"`, false)
	m.parts = multipart.NewWriter(m.stream)
	_ = m.parts.SetBoundary(boundary) // which is a valid one
	return m
}

func (m *mixed) found(v shown, more [][]byte) error {
	return m.part(v.id, v.rev, jsonType, v.append(nil, more...))
}

func (m *mixed) missing(id, rev string) error {
	return m.part(id, rev, jsonType+`; error="true"`, append(appendString([]byte(`{"missing":`), rev), '}'))
}

func (m *mixed) part(id, rev, contentType string, text []byte) error {
	header := textproto.MIMEHeader{"Content-Type": {contentType}}
	header["X-Doc-ID"] = []string{headerText(id)}
	if rev != "" {
		header["X-Rev-ID"] = []string{headerText(rev)}
	}
	part, err := m.parts.CreatePart(header)
	if err != nil {
		return err
	}
	_, err = part.Write(text)
	return err
}

func (m *mixed) close() error {
	if err := m.parts.Close(); err != nil {
		return err
	}
	return m.stream.Close()
}

// headerText returns a text without what would end a line of a header.
func headerText(text string) string {
	clean := []byte(text)
	for i, b := range clean {
		if b < ' ' || b == 0x7f {
			clean[i] = ' '
		}
	}
	return string(clean)
}
