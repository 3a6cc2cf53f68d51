package main

import (
	"io"
	"strings"

	"rsc.io/qr"
)

// drawQR draws a text for a camera, dark on light whatever the colours of the terminal are. Two rows
// of the picture are one line, with a margin of four around it.
func drawQR(out io.Writer, text string) error {
	const margin = 4
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return err
	}
	dark := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y)
	}
	var picture strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		picture.WriteString("\x1b[30;107m")
		for x := -margin; x < code.Size+margin; x++ {
			switch top, bottom := dark(x, y), dark(x, y+1); {
			case top && bottom:
				picture.WriteRune('█')
			case top:
				picture.WriteRune('▀')
			case bottom:
				picture.WriteRune('▄')
			default:
				picture.WriteByte(' ')
			}
		}
		picture.WriteString("\x1b[0m\n")
	}
	_, err = io.WriteString(out, picture.String())
	return err
}
