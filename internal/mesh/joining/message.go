package joining

import (
	"encoding/binary"
	"encoding/json"
	"io"

	"github.com/tandemdb/tandem/internal/fault"
)

// request is the joiner's only message.
type request struct {
	Proof []byte `json:"proof"`
	Name  string `json:"name,omitempty"` // for people; unproved
}

// answer is the inviter's only message. Without a proof it is a refusal.
type answer struct {
	Proof []byte `json:"proof,omitempty"`
	Grant []byte `json:"grant,omitempty"` // the JSON of a [Grant]
}

// Grant makes the joiner a member, or says why the code does not.
type Grant struct {
	Ended    Ended             `json:"ended,omitempty"` // alone, unless it is ""
	Group    string            `json:"group,omitempty"`
	Chain    [][]byte          `json:"chain,omitempty"` // certificates in DER: the joiner's, then its issuers', the authority's last
	Removals []json.RawMessage `json:"removals,omitempty"`
	Shares   []string          `json:"collections,omitempty"` // of the inviter, as scope.collection
	Now      int64             `json:"now,omitempty"`         // the inviter's time, in seconds since 1970
	Inviter  [32]byte          `json:"-"`                     // the SHA-256 of its public key, which it has proved
}

// The bounds of messages, in bytes.
const (
	maxRequest = 1 << 10
	maxAnswer  = 4 << 20
)

// writeMessage writes the length in four bytes, and the JSON.
func writeMessage(w io.Writer, m any) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

func readMessage(r io.Reader, most uint32, m any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > most {
		return fault.ProtocolError.In("join group", "").Says("a message has %d bytes, want at most %d", size, most)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(size)))
	switch {
	case err != nil:
		return err
	case uint32(len(text)) < size:
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(text, m); err != nil {
		return fault.ProtocolError.In("join group", "").Says("a message cannot be read")
	}
	return nil
}
