package tour

// Order as the API shows it, reduced to what an ERP needs. Amounts are texts, times have no colon in their offset.
type Order struct {
	Code           string  `json:"code"`
	GUID           string  `json:"guid"`
	ExternalCode   *string `json:"externalCode"`
	CreationTime   string  `json:"creationTime"`
	ChangeTime     string  `json:"changeTime"`
	Email          string  `json:"email"`
	Phone          *string `json:"phone"`
	CustomerGUID   *string `json:"customerGuid"` // none of who ordered without an account
	StockID        int     `json:"stockId"`
	PaymentMethod  Means   `json:"paymentMethod"`
	Shipping       *Means  `json:"shipping"`
	Status         Status  `json:"status"`
	Price          Price   `json:"price"`
	Paid           *bool   `json:"paid"`
	BillingAddress Address `json:"billingAddress"`
	Language       string  `json:"language"`
	Items          []Item  `json:"items"`
	Notes          *Notes  `json:"notes,omitempty"` // only for who asks for them
}

// Means of payment or transport.
type Means struct {
	GUID string `json:"guid"`
	Name string `json:"name"`
}

// Price of an order, all in all.
type Price struct {
	Vat          string `json:"vat"`
	ToPay        string `json:"toPay"`
	CurrencyCode string `json:"currencyCode"`
	WithoutVat   string `json:"withoutVat"`
	WithVat      string `json:"withVat"`
	ExchangeRate string `json:"exchangeRate"`
}

// Address for the bill. What is not there is null.
type Address struct {
	Company     *string `json:"company"`
	FullName    string  `json:"fullName"`
	Street      *string `json:"street"`
	HouseNumber *string `json:"houseNumber"`
	City        string  `json:"city"`
	Zip         *string `json:"zip"`
	CountryCode string  `json:"countryCode"`
	CompanyID   *string `json:"companyId"` // a text, because leading zeros count
	VatID       *string `json:"vatId"`
}

// Notes at an order.
type Notes struct {
	CustomerRemark *string `json:"customerRemark"`
	EshopRemark    *string `json:"eshopRemark"`
	TrackingNumber *string `json:"trackingNumber"`
}

// Item is a line of an order.
type Item struct {
	ItemID      number    `json:"itemId"`
	ItemType    string    `json:"itemType"`
	ProductGUID *string   `json:"productGuid"`
	Code        *string   `json:"code"`
	Name        string    `json:"name"`
	VariantName *string   `json:"variantName"`
	Amount      string    `json:"amount"`
	AmountUnit  *string   `json:"amountUnit"`
	ItemPrice   ItemPrice `json:"itemPrice"`

	cents int64
}

// ItemPrice is the price of a line.
type ItemPrice struct {
	WithVat    string `json:"withVat"`
	WithoutVat string `json:"withoutVat"`
	Vat        string `json:"vat"`
	VatRate    string `json:"vatRate"`
}

// number is written into JSON as it stands, whatever its length.
type number string

// MarshalJSON writes the digits.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// Customer as the API shows one: who is billed, and the accounts that may sign in.
type Customer struct {
	GUID           string    `json:"guid"`
	CreationTime   string    `json:"creationTime"`
	ChangeTime     string    `json:"changeTime"`
	BillingAddress Address   `json:"billingAddress"`
	CustomerGroup  *Group    `json:"customerGroup"`
	Accounts       []Account `json:"accounts"`
}

// Group of customers.
type Group struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// Account of a customer.
type Account struct {
	GUID        string  `json:"guid"`
	FullName    string  `json:"fullName"`
	Email       string  `json:"email"`
	Phone       *string `json:"phone"`
	MainAccount bool    `json:"mainAccount"`
}

// Supply is how much of a product variant there is in the stock, and how much of it is ordered.
type Supply struct {
	ProductGUID string  `json:"productGuid"`
	Code        string  `json:"code"`
	Amount      string  `json:"amount"`
	Claim       *string `json:"claim"`
	Location    *string `json:"location"`
	ChangeTime  *string `json:"changeTime,omitempty"` // only for who asks for it
}
