package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/plainjson"
)

const jsonType = "application/json"

// answer sends a Go value as JSON.
func (c *call) answer(status int, v any) error {
	text, err := marshal(v)
	if err != nil {
		return err
	}
	return c.send(status, text)
}

// send sends JSON text.
func (c *call) send(status int, text []byte) error {
	header := c.w.Header()
	header.Set("Content-Type", jsonType)
	if text[len(text)-1] != '\n' {
		text = append(text, '\n') // for terminals
	}
	if len(text) >= gzipFrom {
		header.Add("Vary", "Accept-Encoding")
		if c.wantsGzip() {
			header.Set("Content-Encoding", "gzip")
			return c.sendZipped(status, text)
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err := c.w.Write(text)
	return err
}

func (c *call) sendZipped(status int, text []byte) error {
	c.w.WriteHeader(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	zip := c.h.zippers.take(c.w)
	defer c.h.zippers.Put(zip)
	if _, err := zip.Write(text); err != nil {
		return err
	}
	return zip.Close()
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// unmarshal is json.Unmarshal with exact numbers.
func unmarshal(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return plainjson.Error(decoder.Decode(v))
}

// appendString appends a JSON string.
func appendString(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // an invalid byte becomes U+FFFD
	return dst
}
