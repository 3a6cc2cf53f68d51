package soak_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The picture, in pixels: one panel below the other.
const (
	plotWidth, panelHeight = 1000, 170
	plotMargin             = 30
)

// writePlot draws what was sampled over time.
func writePlot(file *os.File, samples []sample) error {
	panels := []struct {
		name  string
		value func(sample) float64
	}{
		{"memory in use, MB", func(s sample) float64 { return s.heap }},
		{"goroutines", func(s sample) float64 { return s.goroutines }},
		{"file handles", func(s sample) float64 { return s.files }},
		{"latency, listener to client, ms", func(s sample) float64 { return float64(s.latency.Milliseconds()) }},
	}
	picture := image.NewRGBA(image.Rect(0, 0, plotWidth, len(panels)*panelHeight+plotMargin))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for i, p := range panels {
		values := make([]float64, len(samples))
		for k, s := range samples {
			values[k] = p.value(s)
		}
		drawPanel(picture, i*panelHeight, p.name, values)
	}
	end := fmt.Sprintf("0 to %.0f seconds", samples[len(samples)-1].at.Seconds())
	write(picture, plotMargin, len(panels)*panelHeight+plotMargin/2, end)
	return png.Encode(file, picture)
}

func drawPanel(picture *image.RGBA, top int, name string, values []float64) {
	most := 1.0
	for _, v := range values {
		most = max(most, v)
	}
	write(picture, plotMargin, top+plotMargin/2, fmt.Sprintf("%s (at most %.0f)", name, most))
	height, width := float64(panelHeight-plotMargin), float64(plotWidth-2*plotMargin)
	point := func(k int) (x, y int) {
		x = plotMargin + int(float64(k)*width/float64(max(len(values)-1, 1)))
		return x, top + panelHeight - int(values[k]/most*height*0.9)
	}
	for x := plotMargin; x < plotWidth-plotMargin; x++ {
		picture.Set(x, top+panelHeight, color.Gray{0xaa})
	}
	for k := 1; k < len(values); k++ {
		x0, y0 := point(k - 1)
		x1, y1 := point(k)
		stroke(picture, x0, y0, x1, y1)
	}
}

func stroke(picture *image.RGBA, x0, y0, x1, y1 int) {
	steps := max(x1-x0, y1-y0, y0-y1, 1)
	for i := range steps + 1 {
		picture.Set(x0+(x1-x0)*i/steps, y0+(y1-y0)*i/steps, color.RGBA{0x1f, 0x4e, 0x9c, 0xff})
	}
}

func write(picture *image.RGBA, x, y int, text string) {
	d := font.Drawer{Dst: picture, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(text)
}
