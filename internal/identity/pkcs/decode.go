package pkcs

import (
	"encoding/asn1"
	"encoding/binary"
	"unicode/utf16"
)

// Open reads a PKCS#12 file. The password opens the certificates, and usually the keys.
func Open(data []byte, password string) (*File, error) {
	var p pfx
	if err := readBER(data, &p); err != nil {
		return nil, err
	}
	if p.Version != 3 || !p.AuthSafe.Type.Equal(oidData) {
		return nil, unsupported("PKCS#12 version %d with content %v", p.Version, p.AuthSafe.Type)
	}
	var safe []byte
	if err := unmarshal(p.AuthSafe.Content.Bytes, &safe); err != nil {
		return nil, err
	}
	o := newOpener()
	if len(p.MAC.Digest.Algorithm.ID) != 0 {
		ok, err := o.verify(p.MAC, safe, password)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, wrongPassword()
		}
	}
	var contents []contentInfo
	if err := readBER(safe, &contents); err != nil {
		return nil, err
	}
	file := &File{}
	for _, content := range contents {
		if err := o.readContent(file, content, password); err != nil {
			return nil, err
		}
	}
	return file, nil
}

func (o *opener) readContent(file *File, content contentInfo, password string) error {
	var plain []byte
	switch {
	case content.Type.Equal(oidData):
		if err := unmarshal(content.Content.Bytes, &plain); err != nil {
			return err
		}
	case content.Type.Equal(oidEncryptedData):
		var e encryptedData
		if err := unmarshal(content.Content.Bytes, &e); err != nil {
			return err
		}
		data, err := pieces(e.Info.Data)
		if err != nil {
			return err
		}
		if plain, err = o.decrypt(e.Info.Scheme, data, password); err != nil {
			return err
		}
	default:
		return unsupported("PKCS#12 content %v", content.Type)
	}
	var bags []safeBag
	if err := readBER(plain, &bags); err != nil {
		return err
	}
	for _, bag := range bags {
		if err := o.readBag(file, bag); err != nil {
			return err
		}
	}
	return nil
}

// readBag takes keys and certificates and ignores other bags.
func (o *opener) readBag(file *File, bag safeBag) error {
	alias, id := bag.names()
	switch {
	case bag.ID.Equal(oidKeyBag), bag.ID.Equal(oidShroudedKeyBag):
		sealed := bag.ID.Equal(oidShroudedKeyBag)
		file.Keys = append(file.Keys, Key{alias, id, bag.Value.Bytes, sealed, o.bare})
	case bag.ID.Equal(oidCertBag):
		var c certBag
		if err := unmarshal(bag.Value.Bytes, &c); err != nil {
			return err
		}
		if c.ID.Equal(oidX509Cert) {
			file.Certs = append(file.Certs, Cert{alias, id, c.Data})
		}
	}
	return nil
}

// names returns the friendly name and the key ID of a bag. It treats malformed attributes as
// missing.
func (b safeBag) names() (alias string, id []byte) {
	for _, a := range b.Attributes {
		var value asn1.RawValue
		if _, err := asn1.Unmarshal(a.Values.Bytes, &value); err != nil {
			continue
		}
		switch {
		case a.ID.Equal(oidFriendlyName) && value.Tag == asn1.TagBMPString:
			alias = fromUTF16BE(value.Bytes)
		case a.ID.Equal(oidLocalKeyID) && value.Tag == asn1.TagOctetString:
			id = value.Bytes
		}
	}
	return alias, id
}

// pieces returns an implicitly tagged octet string. BER may split it into pieces.
func pieces(v asn1.RawValue) ([]byte, error) {
	if !v.IsCompound {
		return v.Bytes, nil
	}
	var whole []byte
	for rest := v.Bytes; len(rest) > 0; {
		var piece []byte
		var err error
		if rest, err = asn1.Unmarshal(rest, &piece); err != nil {
			return nil, malformed("%v", err)
		}
		whole = append(whole, piece...)
	}
	return whole, nil
}

func readBER(ber []byte, into any) error {
	der, err := toDER(ber)
	if err != nil {
		return err
	}
	return unmarshal(der, into)
}

func fromUTF16BE(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
