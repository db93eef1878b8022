package locale

import (
	"strings"
	"testing"
	"time"
)

// visible shows no-break spaces as underscores, so that a table can be read.
func visible(text string) string { return strings.ReplaceAll(text, nbsp, "_") }

func TestNumber(t *testing.T) {
	dotted := []string{"0", "7", "1.234,50", "-1.234.567", "999", "0,5"}
	spaced := []string{"0", "7", "1_234,50", "-1_234_567", "999", "0,5"}
	numbers := []string{"0", "7", "1234.50", "-1234567", "999", "0.5"}
	for l, want := range map[Language][]string{
		English: {"0", "7", "1,234.50", "-1,234,567", "999", "0.5"},
		Czech:   spaced, Slovak: spaced, German: dotted, Italian: dotted, Icelandic: dotted,
		"xx": {"0", "7", "1,234.50", "-1,234,567", "999", "0.5"},
	} {
		for i, number := range numbers {
			if got := visible(l.Number(number)); got != want[i] {
				t.Errorf("%s: %s becomes %q, want %q", l, number, got, want[i])
			}
		}
	}
	for _, text := range []string{"", "-", "1e5", "007", "1,5", "1.", ".5", "12 kg", "+1", "NaN", "١٢"} {
		if got := German.Number(text); got != text {
			t.Errorf("%q is no plain number, and becomes %q", text, got)
		}
	}
}

func TestPercent(t *testing.T) {
	for l, want := range map[Language]string{English: "12.5%", Czech: "12,5_%", Slovak: "12,5_%", German: "12,5_%", Italian: "12,5%", Icelandic: "12,5%"} {
		if got := visible(l.Percent("12.5")); got != want {
			t.Errorf("%s: %q, want %q", l, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	prague := time.FixedZone("CET", 3600)
	at := time.Date(2026, 3, 3, 23, 5, 59, 0, time.UTC)
	for l, want := range map[Language]string{
		English:   "3_Mar_2026 | 3_Mar_2026, 23:05 | 4_Mar_2026, 00:05",
		Czech:     "3._3._2026 | 3._3._2026 23:05 | 4._3._2026 00:05",
		Slovak:    "3._3._2026 | 3._3._2026 23:05 | 4._3._2026 00:05",
		German:    "03.03.2026 | 03.03.2026, 23:05_Uhr | 04.03.2026, 00:05_Uhr",
		Italian:   "03/03/2026 | 03/03/2026, 23:05 | 04/03/2026, 00:05",
		Icelandic: "3.3.2026 | 3.3.2026 kl._23:05 | 4.3.2026 kl._00:05",
	} {
		got := visible(l.Date(at, nil) + " | " + l.Moment(at, nil) + " | " + l.Moment(at, prague))
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", l, got, want)
		}
		if clock := l.Clock(at, prague); clock != "00:05" {
			t.Errorf("%s: the clock shows %q", l, clock)
		}
	}
}

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	times := []time.Duration{-time.Hour, 0, 340 * time.Millisecond, 1540 * time.Millisecond, 2 * time.Second, 59*time.Second + 900*time.Millisecond,
		time.Hour - time.Second, 2*time.Hour + 15*time.Minute, time.Hour + 5*time.Second, 3 * day, day + 30*time.Minute, 1234*day + 5*time.Hour}
	for l, want := range map[Language]string{
		English:   "0_s|0_s|340_ms|1.5_s|2_s|59_s|59_min_59_s|2_h_15_min|1_h|3_d|1_d|1,234_d_5_h",
		Czech:     "0_s|0_s|340_ms|1,5_s|2_s|59_s|59_min_59_s|2_h_15_min|1_h|3_d|1_d|1_234_d_5_h",
		Slovak:    "0_s|0_s|340_ms|1,5_s|2_s|59_s|59_min_59_s|2_h_15_min|1_h|3_d|1_d|1_234_d_5_h",
		German:    "0_Sek.|0_Sek.|340_ms|1,5_Sek.|2_Sek.|59_Sek.|59_Min._59_Sek.|2_Std._15_Min.|1_Std.|3_Tg.|1_Tg.|1.234_Tg._5_Std.",
		Italian:   "0_s|0_s|340_ms|1,5_s|2_s|59_s|59_min_59_s|2_h_15_min|1_h|3_gg|1_gg|1.234_gg_5_h",
		Icelandic: "0_sek.|0_sek.|340_ms|1,5_sek.|2_sek.|59_sek.|59_mín._59_sek.|2_klst._15_mín.|1_klst.|3_d.|1_d.|1.234_d._5_klst.",
	} {
		var got []string
		for _, d := range times {
			got = append(got, visible(l.Duration(d)))
		}
		if line := strings.Join(got, "|"); line != want {
			t.Errorf("%s:\n got %s\nwant %s", l, line, want)
		}
	}
}
