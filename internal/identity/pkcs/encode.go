package pkcs

import (
	"cmp"
	"encoding/asn1"
)

// Encode returns f as a PKCS#12 file. It encrypts the certificates under password, with the given
// number of derivation rounds; zero means [Rounds]. The keys stay as they are.
func (f *File) Encode(password string, rounds int) ([]byte, error) {
	rounds = cmp.Or(rounds, Rounds)
	var keys, certs []safeBag
	for _, k := range f.Keys {
		kind := oidKeyBag
		if k.sealed {
			kind = oidShroudedKeyBag
		}
		keys = append(keys, safeBag{kind, explicit(k.der), attributes(k.Alias, k.ID)})
	}
	for _, c := range f.Certs {
		bag := encode(certBag{oidX509Cert, c.DER})
		certs = append(certs, safeBag{oidCertBag, explicit(bag), attributes(c.Alias, c.ID)})
	}
	scheme, sealed, err := encrypt(encode(certs), password, rounds)
	if err != nil {
		return nil, err
	}
	data := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: sealed}
	safe := encode([]contentInfo{
		{oidEncryptedData, explicit(encode(encryptedData{Info: encryptedContentInfo{oidData, scheme, data}}))},
		{oidData, explicit(encode(encode(keys)))},
	})
	return encode(pfx{
		Version:  3,
		AuthSafe: contentInfo{oidData, explicit(encode(safe))},
		MAC:      newMAC(safe, password, rounds),
	}), nil
}

func attributes(alias string, id []byte) []attribute {
	var list []attribute
	if alias != "" {
		name := asn1.RawValue{Tag: asn1.TagBMPString, Bytes: utf16BE(alias)}
		list = append(list, attribute{oidFriendlyName, set(encode(name))})
	}
	if len(id) > 0 {
		list = append(list, attribute{oidLocalKeyID, set(encode(id))})
	}
	return list
}

var null = asn1.NullRawValue

// explicit wraps der in the tag [0] EXPLICIT.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

func set(der []byte) asn1.RawValue {
	return asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: der}
}
