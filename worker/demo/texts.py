"""What the demo's customers ask, what its assistant answers, and the shop they talk about. All made up."""

from typing import NamedTuple


class Intent(NamedTuple):
    """A label of the classifier: what it is mistaken for, the documents that answer it, what people write."""

    mistaken_for: str
    documents: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]


INTENTS = {
    "order_status": Intent(
        "change_address",
        ("delivery-times", "tracking", "lost-parcels"),
        (
            "Where is my order {order}?",
            "I ordered the {product} {days} days ago and it is still not here. When will the order arrive?",
            "The tracking page for order {order} has not changed for {days} days, is it lost?",
            "Any news on the delivery of order {order} to {city}?",
            "Has my {product} been sent yet, or is the order still in the warehouse?",
        ),
        (
            "Your order {order} has left our warehouse. Delivery takes 2 to 4 working days within the "
            "country, and the tracking link in the dispatch e-mail shows where the {product} is.",
            "Thank you for asking about order {order}. The parcel with the {product} is on its way. If "
            "tracking shows no scan for seven working days, we treat it as lost and send a new one.",
            "The delivery of your order {order} is planned for this week. Tracking starts about six hours "
            "after the carrier has the parcel with the {product}.",
        ),
    ),
    "cancel_order": Intent(
        "return_item",
        ("cancel-before-dispatch", "cancel-after-dispatch"),
        (
            "Please cancel order {order}, I clicked twice.",
            "Can I still cancel the {product}? I ordered it an hour ago, order {order}.",
            "I found the {product} cheaper in {city}. Cancel my order {order} please.",
            "How do I cancel an order that is already packed? It is {order}.",
        ),
        (
            "Order {order} is not packed yet, so you can cancel it free of charge: open Orders in your "
            "account and choose Cancel. You will get an e-mail about the {product} within minutes.",
            "Your order {order} is already on its way, and we cannot stop the parcel. To cancel it, please "
            "refuse it at the door or send the {product} back.",
        ),
    ),
    "change_address": Intent(
        "order_status",
        ("address-change", "pickup-points"),
        (
            "I moved to {city}. Can you change the address of order {order}?",
            "Wrong house number on order {order}, how do I change the address?",
            "Please send order {order} to a pick-up point in {city} instead of my home address.",
            "I will be away for {days} days. Can the {product} go to another address?",
        ),
        (
            "You can change the address of order {order} in your account until it is packed. After that, the "
            "carrier's page lets you choose a pick-up point near you.",
            "A new address for the {product} is possible until we pack it. Open order {order}, choose Change "
            "address, and save. Pick-up points keep parcels for 7 days.",
        ),
    ),
    "return_item": Intent(
        "exchange_item",
        ("return-window", "return-label", "return-exceptions"),
        (
            "How do I return the {product}? I never used it.",
            "I got order {order} {days} days ago. Is it too late to return it?",
            "Do I have to pay for the return of the {product}?",
            "Where do I find the return label for order {order}?",
            "The {product} is nice but too warm for me. I want to send it back for a return.",
        ),
        (
            "You can return the {product} within 30 days of delivery, unused and with its labels. The "
            "return label is in your account under Orders, and dropping the parcel off is free.",
            "To return order {order}, open it in your account, choose Return and print the label. Please "
            "keep the labels on the {product}; 30 days from delivery is the limit.",
            "The return of the {product} is free: print the label of order {order} and bring the parcel to "
            "any drop-off point within 30 days of delivery.",
        ),
    ),
    "refund_status": Intent(
        "return_item",
        ("refund-times", "refund-shipping"),
        (
            "I sent the {product} back {days} days ago. Where is my refund?",
            "Order {order} was returned but the refund of {amount} euros is not on my account.",
            "Does the refund for order {order} include shipping?",
            "How long does a refund take?",
        ),
        (
            "We pay a refund within 5 working days after the return reaches our warehouse, in the way you "
            "paid. For order {order} you will get an e-mail when the {product} has been checked.",
            "Your refund for order {order} is being handled. It takes up to 5 working days. Shipping is "
            "paid back if you returned the whole order.",
        ),
    ),
    "exchange_item": Intent(
        "return_item",
        ("exchange-sizes", "size-guide"),
        (
            "The {product} is too small. Can I exchange it for size {size}?",
            "I need size {size} instead, order {order}. How does an exchange work?",
            "Is the exchange of the {product} free?",
            "Does the {product} run small? Should I exchange it for {size}?",
        ),
        (
            "The first exchange of the {product} is free. Choose Exchange in order {order}, pick size "
            "{size}, and we keep that size for you for 10 days.",
            "You can exchange the {product} in your account: open order {order} and choose the new size. "
            "Our size guide helps if you are between two sizes.",
        ),
    ),
    "damaged_item": Intent(
        "return_item",
        ("damage-report", "damage-options", "warranty"),
        (
            "The {product} arrived with a hole in it. Order {order}.",
            "A zip of my {product} broke after {days} days, what now?",
            "The box of order {order} was crushed and the {product} is damaged.",
            "A button was missing and a seam damaged when I unpacked the {product}.",
        ),
        (
            "I am sorry that the {product} is not as it should be. Please send one photo of the {product} "
            "and one of the box within 14 days of delivery. You may choose a new one, a repair or your "
            "money back.",
            "Sorry about the damaged {product}. Zips, seams and buttons are under warranty for two years. "
            "Add a photo to order {order} under Report damage, and say whether you want a repair or a new "
            "one.",
        ),
    ),
    "invoice": Intent(
        "payment_problem",
        ("invoices", "invoice-company"),
        (
            "I need an invoice for order {order}.",
            "Can you put my company and its VAT number on the invoice of order {order}?",
            "The invoice for the {product} shows my old address in {city}.",
            "Where do I download the invoice?",
        ),
        (
            "The invoice of order {order} is a PDF file under Orders in your account. It appears there when "
            "the {product} is sent.",
            "You can add a company and a VAT number to the invoice within 14 days of the order: open order "
            "{order}, choose Invoice and edit it.",
        ),
    ),
    "payment_problem": Intent(
        "invoice",
        ("payment-methods", "payment-declined"),
        (
            "My card was declined twice, but I need the {product} by Friday. What about the payment?",
            "Payment of {amount} euros failed. Is order {order} lost?",
            "Can I make the payment by bank transfer?",
            "I was charged {amount} euros twice for order {order}. Please check the payment.",
        ),
        (
            "Your basket with the {product} is kept for 24 hours. A declined payment is tried once more "
            "after 30 minutes; after that, please choose another card or a bank transfer.",
            "I checked the payment for order {order}: a second amount is a reservation, and your bank "
            "removes it. We take cards, bank transfer and payment on invoice.",
        ),
    ),
    "product_question": Intent(
        "exchange_item",
        ("care-waterproof", "water-column"),
        (
            "Is the {product} waterproof enough for a week of rain?",
            "How do I wash the {product} without ruining it?",
            "What does a water column of 10,000 mm mean for the {product}?",
            "Would the {product} do for {days} days in the hills near {city}?",
        ),
        (
            "The {product} is made for steady rain: our shells are rated 10,000 mm, seams taped. "
            "Renew the coating once a season and it stays waterproof.",
            "Wash the {product} at 30 degrees, without softener, and let it dry in the air. The coating "
            "wants renewing once a season.",
        ),
    ),
    "voucher": Intent(
        "payment_problem",
        ("vouchers", "voucher-expiry"),
        (
            "My voucher does not work on the {product}.",
            "Can I use two vouchers for one order, or only one voucher?",
            "Until when is the voucher from order {order} valid?",
            "I forgot to enter my voucher of {amount} euros in order {order}.",
        ),
        (
            "A voucher is valid for 12 months and works on orders from 40 euros, one voucher an order. It "
            "does not work on sale items, which may be why the {product} was refused.",
            "You can use one voucher an order, from 40 euros. If you forgot it in order {order}, please "
            "cancel before it is packed and order the {product} again with the voucher.",
        ),
    ),
    "account_access": Intent(
        "change_address",
        ("account-password", "account-email"),
        (
            "I cannot log in to my account, and the password mail never comes.",
            "How do I change the e-mail of my account?",
            "My account says it is locked. I need it to see order {order}.",
            "The password link has expired, can you send a new one for my account?",
        ),
        (
            "The password link for your account works for 60 minutes. Please ask for a new one on the "
            "log-in page, and look into the spam folder too.",
            "You can change e-mail and password in your account under Settings. A locked account opens "
            "again by itself after 30 minutes; order {order} is safe.",
        ),
    ),
}

REPORT_REQUEST = "report_request"  # the label of a question from the shop's own staff: it goes to report_sql
LABELS = (*INTENTS, REPORT_REQUEST)
INVENTED_LABELS = ("shipping_question", "complaint", "other", "The customer wants a refund.", "n/a")

DOCUMENTS = {
    "delivery-times": "Parcels take 2 to 4 working days within the country and 5 to 9 abroad. Orders placed "
    "before 14:00 leave the warehouse on the same day.",
    "tracking": "The tracking link is in the dispatch e-mail. It works about six hours after hand-over to "
    "the carrier.",
    "lost-parcels": "A parcel without a scan for seven working days counts as lost. We send a new one or "
    "pay back.",
    "cancel-before-dispatch": "Until it is packed, an order is cancelled free of charge under Orders, "
    "Cancel.",
    "cancel-after-dispatch": "A parcel on its way cannot be stopped. Customers may refuse it or send it "
    "back.",
    "address-change": "The address of an order can be changed in the account until the order is packed.",
    "pickup-points": "The carrier's page offers pick-up points, which keep parcels for 7 days.",
    "return-window": "Goods can be returned within 30 days of delivery, unused and with their labels.",
    "return-label": "Return labels are made in the account under Orders. Dropping the parcel off is free.",
    "return-exceptions": "Underwear, and clothes with a name sewn on, cannot be returned.",
    "refund-times": "We pay back within 5 working days after the return reached us, in the way the order "
    "was paid.",
    "refund-shipping": "Shipping costs are paid back if the whole order is returned.",
    "exchange-sizes": "The first exchange of an item is free. We keep the new size for 10 days.",
    "size-guide": "The size guide gives chest and leg lengths in centimetres. Between two sizes, take the "
    "larger one.",
    "damage-report": "Damage is reported within 14 days of delivery, with a photo of the item and one of "
    "the box.",
    "damage-options": "For a damaged item the customer chooses a new one, a repair or the money back.",
    "warranty": "Zips, seams and buttons have a warranty of two years.",
    "invoices": "Invoices are PDF files under Orders. They appear when the order is sent.",
    "invoice-company": "Company and VAT number can be added to an invoice within 14 days of the order.",
    "payment-methods": "We take cards, bank transfer and payment on invoice.",
    "payment-declined": "A declined card is tried once more after 30 minutes. The basket is kept for 24 "
    "hours.",
    "care-waterproof": "Wash at 30 degrees without softener, dry in the air, renew the coating once a "
    "season.",
    "water-column": "Our shells are rated 10,000 mm water column, and their seams are taped.",
    "vouchers": "One voucher an order, from 40 euros, not on sale items.",
    "voucher-expiry": "Vouchers are valid for 12 months from the day they were issued.",
    "account-password": "A password link works for 60 minutes. A locked account opens again after 30 "
    "minutes.",
    "account-email": "E-mail and password are changed in the account under Settings.",
}

PRODUCTS = (
    "Birch rain jacket", "Tarn rain trousers", "Ridge softshell", "Heron parka", "Fell windbreaker",
    "Cairn rain cape", "Moss anorak", "Drift overtrousers", "Ember winter jacket", "Lumen cycling jacket",
    "Sorrel hooded coat", "Osier fleece",
)  # fmt: skip
CITIES = ("Utrecht", "Leeds", "Graz", "Porto", "Aarhus", "Lyon", "Turin", "Bergen", "Cork", "Ghent")
SIZES = ("XS", "S", "M", "L", "XL", "XXL")
GREETINGS = ("", "", "", "Hi, ", "Hello, ", "Good morning. ", "hey ", "Dear team, ")
THANKS = ("", "", "", " Thanks!", " Thank you.", " Please help.", " It is a bit urgent.", " Kind regards")
OPENINGS = ("", "", "Thanks for your message. ", "Happy to help. ", "Hello, and thank you for writing. ")
CLOSINGS = ("", "", " Is there anything else?", " Write again if that does not work.", " Have a good day!")

# Failing outputs. An answer above ANSWER_LIMIT characters is too long for the chat window.
ANSWER_LIMIT = 600
FORBIDDEN = ("as an AI language model", "I guarantee", "legally entitled")
RAMBLING = (
    "Let me go through everything that might matter here, so that you have the whole picture.",
    "To be thorough, I will also repeat the rules that apply in general.",
    "Please read all of the following carefully, even where it does not apply to your case.",
)
PROMISES = (
    " I guarantee that it will be with you tomorrow.",
    " I guarantee that this will not happen again.",
    " You are legally entitled to twice the amount.",
)
DISCLAIMERS = (
    "Well, as an AI language model I have no access to parcels. ",
    "Please note that, as an AI language model, I may be wrong. ",
)
EVASIONS = (
    "I don't know. Please look at our website.",
    "Unfortunately I don't know what to tell you about this. Could you call us instead?",
    "I don't know the details of your case, so I cannot say.",
)
MADE_UP_PERIODS = (
    " By the way, you may send anything back within {period} days.",
    " Our return period is {period} days.",
)
LEAKS = (
    " The same thing happened to {other}@mail.example last week.",
    " Your colleague {other}@post.example has already asked about this.",
)
OTHER_PEOPLE = ("mara.lind", "tom.veen", "ines.rocha", "j.kowal", "pia.holm")
ERRORS = {
    "provider timeout after 30 s": 30.0,  # seconds until the step gave up
    "HTTP 429: rate limit reached": 0.3,
    "HTTP 503: model overloaded": 1.2,
    "connection reset by peer": 4.0,
}

SHOP_SCHEMA = {
    "customers": {"id": "bigint", "country": "text", "created_at": "timestamptz"},
    "orders": {
        "id": "bigint", "customer_id": "bigint", "status": "text", "country": "text", "total": "numeric",
        "placed_at": "timestamptz", "shipped_at": "timestamptz",
    },
    "order_items": {"order_id": "bigint", "product_id": "bigint", "quantity": "int", "price": "numeric"},
    "products": {"id": "bigint", "name": "text", "category": "text"},
    "refunds": {
        "id": "bigint", "order_id": "bigint", "amount": "numeric", "reason": "text",
        "paid_at": "timestamptz",
    },
    "tickets": {
        "id": "bigint", "order_id": "bigint", "intent": "text", "rating": "int", "opened_at": "timestamptz",
        "closed_at": "timestamptz",
    },
}  # fmt: skip
INVENTED_COLUMNS = {"placed_at": "order_date", "opened_at": "creation_day", "paid_at": "refund_date"}

# Question and query. Every query has a bracket and a >= for the generator to break, and a column to misname.
REPORTS = (
    (
        "How many orders did we get in the last {days} days?",
        "SELECT count(*) AS orders FROM orders WHERE placed_at >= now() - interval '{days} days'",
    ),
    (
        "Turnover by country, last {days} days, biggest first.",
        "SELECT country, sum(total) AS turnover FROM orders WHERE placed_at >= now() - interval '{days} "
        "days' GROUP BY country ORDER BY turnover DESC",
    ),
    (
        "Which {top} products sold most in the last {days} days?",
        "SELECT p.name, sum(i.quantity) AS sold FROM order_items i JOIN products p ON p.id = i.product_id "
        "JOIN orders o ON o.id = i.order_id WHERE o.placed_at >= now() - interval '{days} days' "
        "GROUP BY p.name ORDER BY sold DESC LIMIT {top}",
    ),
    (
        "How long do we take to close a ticket, by intent? Last {days} days please.",
        "SELECT intent, avg(closed_at - opened_at) AS time_to_close FROM tickets "
        "WHERE opened_at >= now() - interval '{days} days' AND closed_at IS NOT NULL GROUP BY intent",
    ),
    (
        "Average rating of tickets per week for the last {days} days",
        "SELECT date_trunc('week', opened_at) AS week, avg(rating) AS rating FROM tickets "
        "WHERE opened_at >= now() - interval '{days} days' GROUP BY 1 ORDER BY 1",
    ),
    (
        "What did we pay back in the last {days} days, by reason?",
        "SELECT reason, sum(amount) AS paid_back FROM refunds WHERE paid_at >= now() - interval '{days} "
        "days' GROUP BY reason ORDER BY paid_back DESC",
    ),
    (
        "List the paid orders of the last {days} days that have not been shipped.",
        "SELECT id, placed_at, coalesce(total, 0) AS total FROM orders WHERE status = 'paid' AND shipped_at "
        "IS NULL AND placed_at >= now() - interval '{days} days' ORDER BY placed_at",
    ),
    (
        "Who are our top {top} customers by turnover in the last {days} days?",
        "SELECT customer_id, sum(total) AS turnover FROM orders WHERE placed_at >= now() - interval '{days} "
        "days' GROUP BY customer_id ORDER BY turnover DESC LIMIT {top}",
    ),
    (
        "Share of orders from the last {days} days that led to a ticket?",
        "SELECT count(DISTINCT t.order_id)::numeric / nullif(count(DISTINCT o.id), 0) AS share FROM orders o "
        "LEFT JOIN tickets t ON t.order_id = o.id WHERE o.placed_at >= now() - interval '{days} days'",
    ),
    (
        "Damaged item tickets by product category, last {days} days",
        "SELECT p.category, count(*) AS tickets FROM tickets t JOIN order_items i ON i.order_id = t.order_id "
        "JOIN products p ON p.id = i.product_id WHERE t.intent = 'damaged_item' "
        "AND t.opened_at >= now() - interval '{days} days' GROUP BY p.category ORDER BY 2 DESC",
    ),
)
WRITES = (
    "DELETE FROM tickets WHERE opened_at < now() - interval '{days} days'",
    "UPDATE orders SET status = 'done' WHERE placed_at < now() - interval '{days} days'",
    "DROP TABLE refunds",
)
