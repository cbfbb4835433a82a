package page

import (
	"encoding/json"
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// The charts of the page are ECharts options made by go-echarts: what is the same for every tenant.
// page.js puts data, colours and words about the data into them, because they change with the range
// that the reader selects.

// The charts by the name that page.js knows them by.
const (
	chartRolling  = "rolling"
	chartGaps     = "gaps"
	chartTimeline = "timeline"
	chartAnswers  = "answers"
	chartHours    = "hours"
)

// chart is what all kinds of charts of go-echarts can do.
type chart interface{ JSON() map[string]any }

// chartOptions gives the options of each chart as JSON. Its error is one of the chart library's.
func chartOptions() (map[string]json.RawMessage, error) {
	all := map[string]chart{
		chartRolling: rollingChart(), chartGaps: gapsChart(), chartTimeline: timelineChart(),
		chartAnswers: answersChart(), chartHours: hoursChart(),
	}
	out := make(map[string]json.RawMessage, len(all))
	for name, c := range all {
		raw, err := json.Marshal(c.JSON())
		if err != nil {
			return nil, fmt.Errorf("make chart %q: %w", name, err)
		}
		out[name] = raw
	}
	return out, nil
}

// common is what all charts share: an id that is not random, and room for the axes.
func common(name, trigger string) []charts.GlobalOpts {
	return []charts.GlobalOpts{
		charts.WithInitializationOpts(opts.Initialization{ChartID: name}),
		charts.WithAnimation(false),
		charts.WithGridOpts(
			opts.Grid{Left: "8", Right: "20", Top: "26", Bottom: "8", ContainLabel: opts.Bool(true)}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: trigger}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(false)}), // page.js writes it beside the chart
		charts.WithAriaOpts(&opts.Aria{Enabled: opts.Bool(true)}),
	}
}

// axes are days or buckets against what the numbers count.
func axes(unit string) []charts.GlobalOpts {
	return []charts.GlobalOpts{
		charts.WithXAxisOpts(opts.XAxis{Type: "category"}),
		charts.WithYAxisOpts(opts.YAxis{Type: "value", Name: unit, NameLocation: "end", NameGap: 10}),
	}
}

// rollingChart has the largest rolling sum of each day, and the forecast as bands that are stacked
// on a hidden line.
func rollingChart() *charts.Line {
	c := charts.NewLine()
	c.SetGlobalOptions(common(chartRolling, "axis")...)
	c.SetGlobalOptions(axes("bytes")...)
	c.AddSeries(
		"Rolling sum, largest of the day",
		nil,
		charts.WithLineChartOpts(
			opts.LineChart{Symbol: "circle", SymbolSize: 5, ConnectNulls: opts.Bool(true)}),
	)
	c.AddSeries("Forecast, median", nil, charts.WithLineChartOpts(opts.LineChart{Symbol: "none"}),
		charts.WithLineStyleOpts(opts.LineStyle{Type: "dashed", Width: 2}))
	for _, band := range []struct {
		name    string
		opacity float32
	}{{"low", 0}, {"Forecast, 80 %", .18}, {"mid", 0}, {"Forecast, 50 %", .32}} {
		stack := "wide"
		if band.name == "mid" || band.opacity > .3 {
			stack = "narrow"
		}
		c.AddSeries(band.name, nil,
			charts.WithLineChartOpts(opts.LineChart{Symbol: "none", Stack: stack}),
			charts.WithLineStyleOpts(opts.LineStyle{Width: .01, Opacity: opts.Float(0)}),
			charts.WithAreaStyleOpts(opts.AreaStyle{Opacity: opts.Float(band.opacity)}))
	}
	return c
}

// gapsChart is a histogram; a third, empty series on an axis of numbers carries the mark of the
// limit between two bars.
func gapsChart() *charts.Bar {
	c := charts.NewBar()
	c.SetGlobalOptions(common(chartGaps, "axis")...)
	c.SetGlobalOptions(axes("gaps")...)
	for _, name := range []string{"Gaps under the limit", "Gaps at the limit or above"} {
		c.AddSeries(name, nil,
			charts.WithBarChartOpts(opts.BarChart{Stack: "gaps", BarCategoryGap: "10%"}))
	}
	return c
}

func timelineChart() *charts.Bar {
	c := charts.NewBar()
	c.SetGlobalOptions(common(chartTimeline, "axis")...)
	c.SetGlobalOptions(axes("gaps")...)
	for _, name := range []string{"Violations", "Indeterminate"} {
		c.AddSeries(name, nil, charts.WithBarChartOpts(opts.BarChart{Stack: "day"}))
	}
	return c
}

// answersChart gets its series from page.js: which answers there are differs from tenant to tenant.
func answersChart() *charts.Bar {
	c := charts.NewBar()
	c.SetGlobalOptions(common(chartAnswers, "axis")...)
	c.SetGlobalOptions(axes("answers")...)
	return c
}

func hoursChart() *charts.HeatMap {
	c := charts.NewHeatMap()
	c.SetGlobalOptions(common(chartHours, "item")...)
	c.SetGlobalOptions(
		charts.WithXAxisOpts(
			opts.XAxis{Type: "category", SplitArea: &opts.SplitArea{Show: opts.Bool(true)}}),
		charts.WithYAxisOpts(
			opts.YAxis{Type: "category", SplitArea: &opts.SplitArea{Show: opts.Bool(true)}}),
		charts.WithVisualMapOpts(
			opts.VisualMap{Type: "piecewise", Min: 1, Orient: "horizontal", Left: "0", Top: "0"}),
	)
	c.AddSeries("Downloads", nil)
	return c
}
