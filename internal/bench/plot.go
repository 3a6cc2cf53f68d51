package bench

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// The picture, in pixels.
const (
	plotWidth, plotHeight = 1000, 480
	plotLeft, plotRight   = 80, 250
	plotTop, plotBottom   = 40, 50
)

// colours tell the curves apart; the darker ones come first.
var colours = []color.RGBA{
	{0x1f, 0x4e, 0x9c, 0xff},
	{0xb0, 0x2a, 0x30, 0xff},
	{0x2e, 0x7d, 0x32, 0xff},
	{0x7b, 0x3f, 0xa0, 0xff},
	{0xc7, 0x6a, 0x00, 0xff},
	{0x00, 0x78, 0x80, 0xff},
	{0x5d, 0x40, 0x37, 0xff},
	{0xc2, 0x18, 0x5b, 0xff},
}

// WritePlot draws, as PNG, the rate of transfers over their progress: of those that took longest, as
// many as can be told apart. It fails if none was measured.
func (r Report) WritePlot(w io.Writer) error {
	p := &plot{picture: image.NewRGBA(image.Rect(0, 0, plotWidth, plotHeight))}
	draw.Draw(p.picture, p.picture.Bounds(), image.White, image.Point{}, draw.Src)
	for _, result := range longestTransfers(r.Results, len(colours)) {
		rates := tenths(result.Samples)
		p.curves = append(p.curves, curve{result.Name, rates})
		p.most = max(p.most, slices.Max(rates))
	}
	if len(p.curves) == 0 {
		return errors.New("no transfer was measured, so there is nothing to plot")
	}
	p.axes()
	for i, c := range p.curves {
		p.curve(c, i)
	}
	return png.Encode(w, p.picture)
}

// longestTransfers returns at most so many of the results, in their order.
func longestTransfers(results []Result, most int) []Result {
	var transfers []Result
	for _, result := range results {
		if len(result.Samples) > 0 {
			transfers = append(transfers, result)
		}
	}
	lengths := make([]int, len(transfers))
	for i, result := range transfers {
		lengths[i] = len(result.Samples)
	}
	slices.Sort(lengths)
	least := 0
	if len(lengths) > most {
		least = lengths[len(lengths)-most]
	}
	long := slices.DeleteFunc(transfers, func(result Result) bool { return len(result.Samples) < least })
	return long[:min(len(long), most)]
}

type plot struct {
	picture *image.RGBA
	curves  []curve
	most    float64 // documents per second
}

// curve is the rates of the tenths of one transfer.
type curve struct {
	name  string
	rates []float64
}

// axes draws the frame, with a line for every step of the rate.
func (p *plot) axes() {
	p.text(plotLeft, plotTop-20, "documents per second, over the part of the documents transferred", color.Black)
	grey := color.Gray{0xdd}
	step := niceStep(p.most / 5)
	p.most = math.Ceil(p.most/step) * step
	for rate := 0.0; rate <= p.most; rate += step {
		y := p.y(rate)
		p.line(plotLeft, y, plotWidth-plotRight, y, grey)
		label := thousands(rate)
		p.text(plotLeft-8-7*len(label), y+4, label, color.Black)
	}
	for part := 0; part <= 10; part += 2 {
		x := p.x(float64(part) / 10)
		p.line(x, plotTop, x, plotHeight-plotBottom, grey)
		p.text(x-10, plotHeight-plotBottom+18, fmt.Sprintf("%d %%", 10*part), color.Black)
	}
}

// curve draws the i-th curve, with its name at the right.
func (p *plot) curve(c curve, i int) {
	ink := colours[i%len(colours)]
	for k := 1; k < len(c.rates); k++ {
		x0, x1 := p.x((float64(k)-0.5)/10), p.x((float64(k)+0.5)/10)
		y0, y1 := p.y(c.rates[k-1]), p.y(c.rates[k])
		for thick := range 2 {
			p.line(x0, y0+thick, x1, y1+thick, ink)
		}
	}
	p.text(plotWidth-plotRight+15, plotTop+15*(i+1), c.name, ink)
}

func (p *plot) x(part float64) int {
	return plotLeft + int(part*float64(plotWidth-plotLeft-plotRight))
}

func (p *plot) y(rate float64) int {
	return plotHeight - plotBottom - int(rate/p.most*float64(plotHeight-plotTop-plotBottom))
}

func (p *plot) line(x0, y0, x1, y1 int, ink color.Color) {
	steps := max(abs(x1-x0), abs(y1-y0), 1)
	for i := range steps + 1 {
		p.picture.Set(x0+(x1-x0)*i/steps, y0+(y1-y0)*i/steps, ink)
	}
}

func (p *plot) text(x, y int, text string, ink color.Color) {
	d := font.Drawer{Dst: p.picture, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// niceStep returns 1, 2 or 5 times a power of ten, not below v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(v, 1))))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= v {
			return factor * power
		}
	}
	return 10 * power
}

func abs(v int) int { return max(v, -v) }
