package chart

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"maps"
	"slices"
)

// paletted reduces a picture to 256 of its colours, and everything else to the nearest of
// them. Charts have few colours and many blends of them at the edges of letters; the files
// become a third as large, and no eye sees it.
func paletted(img image.Image) *image.Paletted {
	full := image.NewRGBA(img.Bounds())
	draw.Draw(full, full.Bounds(), img, img.Bounds().Min, draw.Src)
	count := map[color.RGBA]int{}
	eachRun(full, func(from, to int, c color.RGBA) { count[c] += to - from })
	byUse := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(packed(a), packed(b)))
	})
	palette := spreadColours(byUse)
	out := image.NewPaletted(full.Bounds(), palette)
	nearest := map[color.RGBA]uint8{}
	eachRun(full, func(from, to int, c color.RGBA) {
		at, known := nearest[c]
		if !known {
			at = uint8(palette.Index(c))
			nearest[c] = at
		}
		for i := from; i < to; i++ {
			out.Pix[i] = at
		}
	})
	return out
}

// spreadColours picks up to 256 colours, most used first, but colours unlike all others before
// further shades of grey: a small dot must keep its model's colour.
func spreadColours(byUse []color.RGBA) color.Palette {
	var palette color.Palette
	nearest := make([]int, len(byUse)) // squared distance to the palette
	for i := range nearest {
		nearest[i] = 1 << 30
	}
	for _, apart := range []int{64, 40, 24, 16, 10, 6, 3, 1} {
		for i, c := range byUse {
			if nearest[i] < apart*apart {
				continue
			}
			if len(palette) == 256 {
				return palette
			}
			palette = append(palette, c)
			for j, other := range byUse {
				nearest[j] = min(nearest[j], distance(c, other))
			}
		}
	}
	return palette
}

func distance(a, b color.RGBA) int {
	dr, dg, db := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return dr*dr + dg*dg + db*db
}

// eachRun visits the pixels row by row, in runs of one colour from..to: most of a chart is
// paper. The picture's rows follow each other without a gap, as image.NewRGBA makes them.
func eachRun(img *image.RGBA, visit func(from, to int, c color.RGBA)) {
	n := len(img.Pix) / 4
	at := func(i int) color.RGBA {
		p := img.Pix[4*i : 4*i+4]
		return color.RGBA{p[0], p[1], p[2], p[3]}
	}
	for from := 0; from < n; {
		c, to := at(from), from+1
		for to < n && at(to) == c {
			to++
		}
		visit(from, to, c)
		from = to
	}
}

func packed(c color.RGBA) uint32 {
	return uint32(c.R)<<24 | uint32(c.G)<<16 | uint32(c.B)<<8 | uint32(c.A)
}
