//! A hundred tests that have nothing in common but their server: each has a database with two fixtures, and logs in. What a
//! large suite takes is what this takes: `cargo test -p shopsync --test hundred` tells how long.

use serde_json::json;
use shopsync::odoo::Odoo;
use wiredoo::Series;
use wiredoo::double::fixtures::Source;
use wiredoo::double::testing;

const PARTNERS: &str = "
records:
  res.partner.category:
    - {id: vip, name: VIP}
  res.partner:
    - {id: acme, name: Acme, is_company: true, country_id: base.be, category_id: [vip]}
    - {id: azure, name: Azure, parent_id: acme}
";

async fn a_contact_is_made() {
    let sources = [Source::new("odoo.yaml", include_str!("odoo.yaml")), Source::new("partners.yaml", PARTNERS)];
    let odoo = testing::with_fixtures(Series::V19, &sources).await.unwrap();
    let client = Odoo::new(odoo.url(), odoo.name(), "shop", "secret").unwrap();
    client.call("res.partner", "create", json!([{"name": "Ann"}]), json!({})).await.unwrap();
    odoo.assert_called("res.partner", "create", 1);
}

macro_rules! tests {
    ($($name:ident)*) => { $(#[tokio::test] async fn $name() { a_contact_is_made().await; })* };
}

tests! {
    t00 t01 t02 t03 t04 t05 t06 t07 t08 t09 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19
    t20 t21 t22 t23 t24 t25 t26 t27 t28 t29 t30 t31 t32 t33 t34 t35 t36 t37 t38 t39
    t40 t41 t42 t43 t44 t45 t46 t47 t48 t49 t50 t51 t52 t53 t54 t55 t56 t57 t58 t59
    t60 t61 t62 t63 t64 t65 t66 t67 t68 t69 t70 t71 t72 t73 t74 t75 t76 t77 t78 t79
    t80 t81 t82 t83 t84 t85 t86 t87 t88 t89 t90 t91 t92 t93 t94 t95 t96 t97 t98 t99
}
